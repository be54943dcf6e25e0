#include "net/http.h"

#include <gtest/gtest.h>

namespace tapeline::net {
namespace {

TEST(PercentCoding, EncodesAllButUnreserved) {
  EXPECT_EQ(percent_encode("IC MARKETS:1"), "IC%20MARKETS%3A1");
  EXPECT_EQ(percent_encode("OANDA:EUR_USD"), "OANDA%3AEUR_USD");
  EXPECT_EQ(percent_encode("a-b.c_d~e"), "a-b.c_d~e");
  EXPECT_EQ(percent_encode("\xc3\xa9+&="), "%C3%A9%2B%26%3D");
}

TEST(PercentCoding, DecodesWhatItEncodes) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(percent_decode(percent_encode(all), true), all);
}

TEST(PercentCoding, TreatsPlusAsAsked) {
  EXPECT_EQ(percent_decode("a+b", true), "a b");
  EXPECT_EQ(percent_decode("a+b", false), "a+b");
}

TEST(PercentCoding, RefusesBrokenEscapes) {
  for (const char* text : {"%", "%2", "%zz", "a%2", "%%20", "%-1"})
    EXPECT_EQ(percent_decode(text, false), std::nullopt) << text;
}

TEST(Url, ReadsFinnhubsAddress) {
  const auto url = parse_url("wss://ws.finnhub.io?token=abc");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->host, "ws.finnhub.io");
  EXPECT_EQ(url->port, 443);
  EXPECT_EQ(url->target, "/?token=abc");
}

TEST(Url, ReadsPortsPathsAndBrackets) {
  EXPECT_EQ(parse_url("http://localhost:8080/api/v1?x=1#part")->target, "/api/v1?x=1");
  EXPECT_EQ(parse_url("http://localhost:8080")->port, 8080);
  EXPECT_EQ(parse_url("http://localhost")->port, 80);
  EXPECT_EQ(parse_url("http://localhost")->target, "/");
  EXPECT_EQ(parse_url("ws://[::1]:99/x")->host, "::1");
  EXPECT_EQ(parse_url("ws://[::1]:99/x")->port, 99);
  EXPECT_EQ(parse_url("ws://[::1]/x")->port, 80);
}

TEST(Url, RefusesWhatIsNone) {
  for (const char* text :
       {"", "localhost", "ftp://x", "http://", "http://:80", "http://a:", "http://a:0",
        "http://a:70000", "http://a:8x", "http://a b/", "http://a/b c", "http://user@host/",
        "ws://[::1", "ws://[::1]x", "ws://a:b:1", "http://a/\r\nx: y"})
    EXPECT_FALSE(parse_url(text)) << text;
}

TEST(Localhost, IsTheNameAndAllBelowIt) {
  for (const char* host : {"localhost", "LOCALHOST", "localhost.", "a.localhost", "a.b.localhost."})
    EXPECT_TRUE(is_localhost(host)) << host;
  for (const char* host : {"", ".", "localhos", "notlocalhost", "localhost.com", "127.0.0.1"})
    EXPECT_FALSE(is_localhost(host)) << host;
}

TEST(Request, FindsHeadersAndQueryValues) {
  Request request;
  request.headers = {{"host", "a"}, {"x-token", "b"}};
  request.query = {{"symbol", "AAPL"}, {"symbol", "MSFT"}};
  EXPECT_EQ(*find_header(request.headers, "x-token"), "b");
  EXPECT_EQ(find_header(request.headers, "absent"), nullptr);
  EXPECT_EQ(*request.query_value("symbol"), "AAPL");
  EXPECT_EQ(request.query_value("absent"), nullptr);
}

}  // namespace
}  // namespace tapeline::net
