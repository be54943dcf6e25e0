#include "serve/service.h"

#include <fmt/format.h>

#include <utility>

#include "serve/limits.h"

namespace tapeline::serve {
namespace {

constexpr std::string_view kStreamPath = "/api/v1/stream";

std::string with_brackets(const std::string& address) {
  return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

}  // namespace

Service::Service(const Options& options, Identity identity, Ports ports)
    : options_(options),
      ports_(ports),
      access_(options),
      events_(ports.metrics),
      queries_(ports.store, ports.log, ports.dead_letters, ports.replayed_of,
               static_cast<size_t>(options.records_scanned_max)),
      stream_(options, identity,
              {ports.loop, ports.workers, queries_, ports.status, hub_, events_}),
      api_(access_, std::move(identity),
           {ports.loop, ports.workers, queries_, ports.status, ports.symbols, ports.proofs,
            ports.settings, ports.metrics, hub_, stream_, events_}) {}

Result<> Service::listen() {
  TAPELINE_TRY(check_access(options_));
  net::Server::Options server;
  server.address = options_.address;
  server.port = static_cast<uint16_t>(options_.port);
  server.certificate_file = options_.certificate_file;
  server.key_file = options_.key_file;
  server.connections_max = static_cast<size_t>(options_.sessions_max) + 100;
  server.body_bytes_max = kRequestBodyBytesMax;
  server.message_bytes_max = kStreamMessageBytesMax;
  auto listening = net::listen(
      ports_.loop, server,
      [this](const net::Request& request, net::Server::Respond respond) {
        handle(request, std::move(respond));
      },
      [this](const net::Request& request) { return upgrade(request); });
  if (!listening) return listening.error();
  server_ = std::move(listening).value();
  events_.listening(address());
  return {};
}

uint16_t Service::port() const {
  return server_ ? server_->port() : 0;
}

std::string Service::address() const {
  return fmt::format("{}://{}:{}", options_.certificate_file.empty() ? "http" : "https",
                     with_brackets(options_.address), port());
}

void Service::publish(const Publication& publication) {
  hub_.publish(publication);
  stream_.publish(publication);
}

void Service::stored(Position through) {
  hub_.stored(through);
}

void Service::handle(const net::Request& request, net::Server::Respond respond) {
  api_.handle(request, std::move(respond));
}

net::Server::Upgrade Service::upgrade(const net::Request& request) {
  net::Server::Upgrade answer;
  answer.refusal = access_.refuse(request, Access::Kind::changes);
  if (answer.refusal) return answer;
  if (request.path != kStreamPath) {
    answer.refusal =
        problem(404, "not_found", fmt::format("The push stream is at {}.", kStreamPath));
  } else if (!stream_.has_room()) {
    answer.refusal = problem(503, "full",
                             fmt::format("{} streams are open, as many as serve.sessions_max "
                                         "allows; close one, or raise it.",
                                         stream_.sessions()));
  } else {
    answer.opened = [this](std::shared_ptr<net::WebSocketSession> session) {
      stream_.open(std::move(session));
    };
  }
  return answer;
}

void Service::stop() {
  stream_.stop();
  if (server_) server_->stop();
}

}  // namespace tapeline::serve
