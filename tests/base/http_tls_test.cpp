// Requests over TLS to a real server with certificates made here.
#include <cstdlib>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include "../cost/small_server.h"
#include "../program.h"
#include "hone/base/http.h"

namespace hone {
namespace {

/// A server whose self-signed certificate is for `name`.
class TlsServer {
 public:
  TlsServer(const test::Folder& folder, const std::string& name) {
    const std::string command = fmt::format(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj '/CN=hone' "
        "-addext 'subjectAltName={}' -keyout '{}' -out '{}' >/dev/null 2>&1",
        name, folder.file("key.pem"), folder.file("cert.pem"));
    if (std::system(command.c_str()) != 0) return;
    server_ =
        std::make_unique<httplib::SSLServer>(folder.file("cert.pem").c_str(), folder.file("key.pem").c_str());
    server_->Post("/v1/echo", [](const httplib::Request& request, httplib::Response& response) {
      response.set_content("you said " + request.body + " " + request.get_header_value("Authorization"),
                           "text/plain");
    });
    port_ = server_->bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running()) std::this_thread::yield();
  }
  ~TlsServer() {
    if (server_) server_->stop();
    if (thread_.joinable()) thread_.join();
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  bool ready() const { return port_ > 0; }
  std::string url(const std::string& scheme) const {
    return fmt::format("{}://127.0.0.1:{}/v1", scheme, port_);
  }

 private:
  std::unique_ptr<httplib::SSLServer> server_;
  std::thread thread_;
  int port_ = 0;
};

HttpResponse ask(const std::string& url, const std::string& ca_file, double timeout_s = 20.0) {
  HttpOptions options;
  options.connect_timeout_s = options.timeout_s = timeout_s;
  options.ca_file = ca_file;
  HttpClient client(url, options);
  return client.post(client.path() + "/echo", {{"Authorization", "Bearer secret"}}, "{}");
}

TEST(HttpTls, ATrustedServerAnswers) {
  const test::Folder folder;
  const TlsServer server(folder, "IP:127.0.0.1");
  ASSERT_TRUE(server.ready()) << "openssl makes no certificate";
  HttpOptions options;
  options.ca_file = folder.file("cert.pem");
  HttpClient client(server.url("https"), options);
  for (int again = 0; again < 2; ++again) {
    std::string pieces;
    const HttpResponse response = client.post(client.path() + "/echo", {{"Authorization", "Bearer secret"}},
                                              "{\"a\": 1}", [&](std::string_view piece) {
                                                pieces += piece;
                                                return true;
                                              });
    EXPECT_EQ(response.status, 200) << response.failure;
    EXPECT_EQ(response.failure, "");
    EXPECT_EQ(response.body, "you said {\"a\": 1} Bearer secret");
    EXPECT_EQ(pieces, response.body);
  }
}

TEST(HttpTls, WhomNobodyVouchesForIsToldNothing) {
  const test::Folder folder;
  const TlsServer server(folder, "IP:127.0.0.1");
  ASSERT_TRUE(server.ready()) << "openssl makes no certificate";
  const HttpResponse unknown = ask(server.url("https"), "");
  EXPECT_EQ(unknown.status, 0);
  EXPECT_EQ(unknown.failure, "the server's certificate is not trusted");
  EXPECT_EQ(unknown.body, "");
  const HttpResponse missing = ask(server.url("https"), folder.file("no-such.pem"));
  EXPECT_EQ(missing.status, 0);
  EXPECT_NE(missing.failure, "");
}

TEST(HttpTls, ACertificateForAnotherHostIsRefused) {
  const test::Folder folder;
  const TlsServer server(folder, "DNS:other.example");
  ASSERT_TRUE(server.ready()) << "openssl makes no certificate";
  const HttpResponse response = ask(server.url("https"), folder.file("cert.pem"));
  EXPECT_EQ(response.status, 0);
  EXPECT_EQ(response.failure, "the server's certificate is not trusted");
}

TEST(HttpTls, TheOtherProtocolIsAnError) {
  const test::Folder folder;
  const TlsServer server(folder, "IP:127.0.0.1");
  ASSERT_TRUE(server.ready()) << "openssl makes no certificate";
  const HttpResponse plain = ask(server.url("http"), "", 0.5);
  EXPECT_NE(plain.status, 200);
  test::SmallServer small([](const test::ServerRequest&) { return test::ServerReply{}; });
  const HttpResponse tls = ask("https" + small.url().substr(4), "", 0.5);
  EXPECT_EQ(tls.status, 0);
  EXPECT_NE(tls.failure, "");
}

}  // namespace
}  // namespace hone
