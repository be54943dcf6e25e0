#include "simulate/ledger.h"

#include <fmt/format.h>

#include <iterator>
#include <span>

#include "codec/utf8.h"
#include "simulate/json.h"

namespace tapeline::simulate {
namespace {

int64_t us(WallTime at) {
  return at.time_since_epoch().count();
}

}  // namespace

Result<std::unique_ptr<Ledger>> Ledger::create(FileSystem& files, const std::string& path) {
  auto file = files.open_append(path);
  if (!file.ok()) return file.error();
  TAPELINE_TRY(file.value()->truncate(0));
  return std::unique_ptr<Ledger>(new Ledger(path, std::move(file).value()));
}

void Ledger::opened(int64_t connection, WallTime at) {
  fmt::format_to(std::back_inserter(lines_),
                 "{{\"connection\":{},\"event\":\"opened\",\"sent_us\":{}}}\n", connection, us(at));
}

void Ledger::sent(int64_t connection, int64_t frame, WallTime at, std::string_view text) {
  fmt::format_to(std::back_inserter(lines_), "{{\"connection\":{},\"frame\":{},\"sent_us\":{},",
                 connection, frame, us(at));
  if (codec::is_utf8(text)) {
    lines_ += "\"bytes\":";
    json::append_string(lines_, text);
  } else {
    lines_ += "\"base64\":\"" + json::base64(text) + "\"";
  }
  lines_ += "}\n";
}

void Ledger::closed(int64_t connection, WallTime at, int code) {
  fmt::format_to(std::back_inserter(lines_),
                 "{{\"connection\":{},\"event\":\"closed\",\"sent_us\":{},\"code\":{}}}\n",
                 connection, us(at), code);
}

Result<> Ledger::flush() {
  if (lines_.empty()) return {};
  auto written = file_->append(std::as_bytes(std::span(lines_)));
  if (!written.ok())
    return make_error(written.error().code(), "simulate: cannot write the ledger {}: {}", path_,
                      written.error().message());
  lines_.clear();
  return {};
}

}  // namespace tapeline::simulate
