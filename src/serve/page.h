#pragma once

#include <span>
#include <string_view>

namespace tapeline::serve {

/// One file of the dashboard, as the build put it into the program. Lives as long as the process.
struct PageFile {
  std::string_view path;    ///< As requested: "/index.html", "/assets/app.js".
  std::string_view type;    ///< Content-Type.
  std::string_view digest;  ///< Of the bytes, in hex: the ETag without its quotes.
  std::string_view bytes;   ///< Plain.
  std::string_view gzip;    ///< The same compressed; empty when there is no such form.
};

/// All files of the dashboard. A build without TAPELINE_WEB has one, which says so.
std::span<const PageFile> page_files();

}  // namespace tapeline::serve
