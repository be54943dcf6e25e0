#include "simulate/session.h"

#include "simulate/json.h"

namespace tapeline::simulate {

ClientRequest parse_request(std::string_view text) {
  ClientRequest request;
  std::optional<std::string> type;
  std::optional<std::string> symbol;
  const bool object =
      json::for_each_member(text, [&](std::string_view name, std::string_view value) {
        if (name == "type") type = json::to_string(value);
        if (name == "symbol") symbol = json::to_string(value);
        return true;
      });
  if (!object || !type) return request;
  request.kind = ClientRequest::Kind::other;
  if (*type != "subscribe" && *type != "unsubscribe") return request;
  if (!symbol) {
    request.kind = ClientRequest::Kind::malformed;
    return request;
  }
  request.kind =
      *type == "subscribe" ? ClientRequest::Kind::subscribe : ClientRequest::Kind::unsubscribe;
  request.symbol = *symbol;
  return request;
}

void Subscriptions::set(uint32_t instrument, bool wanted) {
  if (wanted_[instrument] == wanted) return;
  wanted_[instrument] = wanted;
  count_ += wanted ? size_t{1} : size_t{0} - 1;
}

std::shared_ptr<const std::string> frame_for(const Batch& batch, const Subscriptions& wanted,
                                             size_t& trades) {
  trades = 0;
  if (wanted.count() == 0) return nullptr;
  for (const Batch::Element& element : batch.elements) trades += wanted.has(element.instrument);
  if (trades == batch.elements.size()) return std::make_shared<const std::string>(batch.text);
  if (trades == 0) return nullptr;
  auto text = std::make_shared<std::string>(kFrameHead);
  for (const Batch::Element& element : batch.elements) {
    if (!wanted.has(element.instrument)) continue;
    if (text->back() != '[') *text += ',';
    text->append(batch.text, element.begin, element.end - element.begin);
  }
  text->append(kFrameTail);
  return text;
}

}  // namespace tapeline::simulate
