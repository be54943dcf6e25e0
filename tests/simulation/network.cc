#include "simulation/network.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <boost/asio/post.hpp>

namespace tapeline::simulation {
namespace {

namespace asio = boost::asio;
using net::internal::ByteStream;
using net::internal::Completion;

class ClientStream final : public ByteStream {
 public:
  ClientStream(net::internal::Executor executor, std::shared_ptr<Link> link)
      : executor_(std::move(executor)), link_(std::move(link)) {}
  ~ClientStream() override { link_->close(); }

  void read_some(asio::mutable_buffer into, Completion done) override {
    link_->read(into, std::move(done));
  }
  void write_some(std::span<const asio::const_buffer> from, Completion done) override {
    std::string bytes;
    for (const asio::const_buffer piece : from)
      bytes.append(static_cast<const char*>(piece.data()), piece.size());
    const size_t size = bytes.size();
    link_->write(std::move(bytes));
    asio::post(executor_, [done = std::move(done), size]() mutable { done({}, size); });
  }
  void shutdown(Completion done) override {
    asio::post(executor_, [done = std::move(done)]() mutable { done({}, 0); });
  }
  void close() override { link_->close(); }

 private:
  const net::internal::Executor executor_;
  const std::shared_ptr<Link> link_;
};

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

std::string accept_of(std::string key) {
  key += kGuid;
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest);
  unsigned char text[32];
  const int size = EVP_EncodeBlock(text, digest, SHA_DIGEST_LENGTH);
  return {reinterpret_cast<const char*>(text), static_cast<size_t>(size)};
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

void Link::put(Piece piece) {
  std::deque<Piece>& queue = piece.to_client ? to_client_ : to_server_;
  // Bytes of one connection never overtake one another.
  if (!queue.empty()) piece.due = std::max(piece.due, queue.back().due);
  queue.push_back(std::move(piece));
}

void Link::send(std::string bytes, std::optional<BootTime> at) {
  if (!open()) return;
  put({at.value_or(clock_.boot()) + delay_, std::move(bytes), true, false});
}

void Link::end() {
  if (!open()) return;
  put({clock_.boot() + delay_, {}, true, true});
  ended_ = true;
}

void Link::cut(size_t kept) {
  if (gone_) return;
  if (kept == 0) ready_.clear();
  for (Piece& piece : to_client_) {
    const size_t taken = std::min(kept, piece.bytes.size());
    ready_.append(piece.bytes, 0, taken);
    kept -= taken;
  }
  to_client_.clear();
  to_server_.clear();
  gone_ = true;
  failed_ = asio::error::connection_reset;
  if (reader_) hand_out();
}

std::optional<BootTime> Link::unread_since() const {
  if (ready_.empty()) return std::nullopt;
  return ready_since_;
}

std::optional<BootTime> Link::next_due() const {
  if (half_open_) return std::nullopt;
  std::optional<BootTime> due;
  if (!to_client_.empty()) due = to_client_.front().due;
  if (!to_server_.empty() && (!due || to_server_.front().due < *due)) due = to_server_.front().due;
  return due;
}

void Link::deliver() {
  if (half_open_) return;
  const BootTime now = clock_.boot();
  while (!to_server_.empty() && to_server_.front().due <= now) {
    const Piece piece = std::move(to_server_.front());
    to_server_.pop_front();
    if (received) received(piece.bytes);
  }
  while (!to_client_.empty() && to_client_.front().due <= now) {
    Piece& piece = to_client_.front();
    if (ready_.empty()) ready_since_ = now;
    ready_ += piece.bytes;
    at_end_ = at_end_ || piece.last;
    to_client_.pop_front();
  }
  if (reader_) hand_out();
}

void Link::read(asio::mutable_buffer into, Completion done) {
  into_ = into;
  reader_.emplace(std::move(done));
  hand_out();
}

void Link::write(std::string bytes) {
  if (gone_) return;
  put({clock_.boot() + delay_, std::move(bytes), false, false});
}

void Link::close() {
  gone_ = true;
  to_client_.clear();
  to_server_.clear();
  ready_.clear();
  failed_ = asio::error::operation_aborted;
  if (reader_) hand_out();
}

void Link::hand_out() {
  if (!ready_.empty()) {
    const size_t bytes = asio::buffer_copy(into_, asio::buffer(ready_));
    ready_.erase(0, bytes);
    return complete({}, bytes);
  }
  if (failed_) return complete(*failed_, 0);
  if (at_end_) return complete(asio::error::eof, 0);
}

void Link::complete(boost::system::error_code error, size_t bytes) {
  Completion done = std::move(*reader_);
  reader_.reset();
  asio::post(executor_, [done = std::move(done), error, bytes]() mutable { done(error, bytes); });
}

class Network::SimulatedDialler final : public net::internal::Dialler {
 public:
  SimulatedDialler(Network& network, net::Loop& loop) : network_(network), loop_(loop) {}

  std::unique_ptr<net::internal::Dial> dial(const net::Url& url, const net::TlsOptions&,
                                            Done done) override {
    auto attempt = std::make_unique<Attempt>();
    attempt->timer = loop_.after(network_.delay, [this, host = url.host, done = std::move(done)] {
      const auto link = network_.connect(host);
      if (!link) {
        const net::internal::DialFailure refused{net::Closed::Kind::connect_failed,
                                                 "connection refused"};
        return done(nullptr, &refused);
      }
      done(std::make_unique<ClientStream>(network_.executor_, link), nullptr);
    });
    return attempt;
  }

 private:
  struct Attempt : net::internal::Dial {
    net::Timer timer;
  };
  Network& network_;
  net::Loop& loop_;
};

std::unique_ptr<net::internal::Dialler> Network::dialler(net::Loop& loop) {
  return std::make_unique<SimulatedDialler>(*this, loop);
}

std::shared_ptr<Link> Network::connect(const std::string& host) {
  auto link = std::make_shared<Link>(executor_, clock_, delay);
  if (!accept(host, link)) return nullptr;
  std::erase_if(links_, [](const auto& old) { return !old->next_due() && !old->open(); });
  links_.push_back(link);
  return link;
}

std::optional<BootTime> Network::next_due() const {
  std::optional<BootTime> due;
  for (const auto& link : links_)
    if (const auto at = link->next_due(); at && (!due || *at < *due)) due = at;
  return due;
}

void Network::deliver() {
  const auto links = links_;  // Delivering may make new ones.
  for (const auto& link : links) link->deliver();
}

Peer::Peer(std::shared_ptr<Link> link) : link_(std::move(link)) {
  link_->received = [this](std::string_view bytes) { take(bytes); };
}

void Peer::send(std::string_view text, std::optional<BootTime> at) {
  if (live()) send_frame(1, text, at);
}

void Peer::take(std::string_view bytes) {
  buffer_ += bytes;
  if (!shaken_ && !shake_hands()) return;
  while (take_frame()) {
  }
}

bool Peer::shake_hands() {
  const size_t end = buffer_.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  const std::string head = lower(buffer_.substr(0, end));
  constexpr std::string_view kKey = "sec-websocket-key: ";
  const size_t at = head.find(kKey) + kKey.size();
  const std::string key = buffer_.substr(at, buffer_.find("\r\n", at) - at);
  buffer_.erase(0, end + 4);
  link_->send(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      accept_of(key) + "\r\n\r\n");
  shaken_ = true;
  return true;
}

/// A client's frames are masked and, those that it sends us, short.
bool Peer::take_frame() {
  constexpr size_t kHead = 6;
  if (buffer_.size() < kHead) return false;
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(buffer_[i]); };
  const int opcode = byte(0) & 0x0F;
  const size_t size = byte(1) & 0x7F;
  if (buffer_.size() < kHead + size) return false;
  std::string payload = buffer_.substr(kHead, size);
  for (size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(payload[i] ^ buffer_[2 + i % 4]);
  buffer_.erase(0, kHead + size);
  if (opcode == 1 && message) message(payload);
  if (opcode == 9) send_frame(10, payload);
  if (opcode == 8) {
    send_frame(8, payload);
    link_->end();
  }
  return true;
}

void Peer::send_frame(int opcode, std::string_view payload, std::optional<BootTime> at) {
  std::string frame(1, static_cast<char>(0x80 | opcode));
  if (payload.size() < 126) {
    frame += static_cast<char>(payload.size());
  } else {
    frame += static_cast<char>(126);
    frame += static_cast<char>(payload.size() >> 8);
    frame += static_cast<char>(payload.size() & 0xFF);
  }
  frame += payload;
  link_->send(std::move(frame), at);
}

}  // namespace tapeline::simulation
