#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/settings.h"

namespace tapeline::serve {

struct Options {
  std::string address = "127.0.0.1";
  int64_t port = 8080;
  std::string token;
  std::string certificate_file;
  std::string key_file;
  std::vector<std::string> host_names;
  int64_t sessions_max = 1'000;
  int64_t push_interval_ms = 20;
  int64_t queries_waiting_max = 64;
  int64_t records_scanned_max = 2'000'000;
};

inline void declare(settings::Declarer& to, Options& options) {
  to.section("serve", "The HTTP API, the push stream and the dashboard.");
  to.text("address", options.address,
          "Address to listen on. Any but a loopback one needs serve.token, serve.certificate_file "
          "and serve.key_file.");
  to.integer("port", options.port, 0, 65'535, "",
             "Port to listen on; 0 takes any free one and prints it.");
  to.secret("token", options.token,
            "What callers must send as `Authorization: Bearer`, and browsers as the password.");
  to.text("certificate_file", options.certificate_file,
          "PEM file with the certificate chain; with key_file it makes the server speak TLS.");
  to.text("key_file", options.key_file, "PEM file with the private key of the certificate.");
  to.list("host_names", options.host_names,
          "Names under which browsers may reach the server; others are refused. On a loopback "
          "address localhost is one, too; on another, any name will do when none is given.");
  to.integer("sessions_max", options.sessions_max, 1, 100'000, "",
             "Open push streams; further ones are refused.");
  to.integer("push_interval_ms", options.push_interval_ms, 0, 60'000, "ms",
             "Changes are gathered this long and pushed together; 0 pushes each at once.");
  to.integer("queries_waiting_max", options.queries_waiting_max, 1, 10'000, "",
             "Queries that may wait for the store or the log; further ones are refused with 503.");
  to.integer("records_scanned_max", options.records_scanned_max, 1'000, 1'000'000'000, "records",
             "Log records read for one answer of trades; the answer says when it ended there.");
}

}  // namespace tapeline::serve
