#pragma once

#include <boost/beast/http/fields.hpp>
#include <string>

#include "net/http.h"

/// Between Beast's messages and ours.
namespace tapeline::net::internal {

template <typename View>
std::string to_text(View view) {
  return std::string(view.data(), view.size());
}

inline Headers to_headers(const boost::beast::http::fields& fields) {
  Headers headers;
  for (const auto& field : fields) {
    std::string name = to_text(field.name_string());
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    headers.emplace_back(std::move(name), to_text(field.value()));
  }
  return headers;
}

}  // namespace tapeline::net::internal
