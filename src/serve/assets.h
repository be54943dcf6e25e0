#pragma once

#include "net/http.h"

namespace tapeline::serve {

/// The dashboard's file that a path names ("/" is the page itself), compressed where the caller
/// takes it, with a strong ETag and a content security policy; 404 when there is none.
net::Response asset(const net::Request& request);

}  // namespace tapeline::serve
