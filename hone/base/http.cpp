#include "hone/base/http.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdlib>
#include <ctime>
#include <iomanip>
#include <locale>
#include <mutex>
#include <sstream>
#include <thread>

#include <fmt/format.h>
#include <httplib.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/base/numbers.h"

namespace hone {

struct HttpClient::Connection {
  std::unique_ptr<httplib::Client> client;
};

namespace {

/// Seconds that an answer of which nothing more is needed has for its end.
constexpr double kEnding = 0.2;
/// Seconds by which waiting for one piece may outlast the whole request: its deadline is what ends it.
constexpr double kBeyondDeadline = 10.0;

/// Host and path of a URL, checked.
std::pair<std::string, std::string> parts_of(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::string name = url.substr(0, scheme);
  if (scheme == std::string::npos || (name != "http" && name != "https"))
    throw Error(fmt::format("'{}' is no URL", url), {}, "it begins with http:// or https://");
  const std::size_t slash = url.find('/', scheme + 3);
  std::string host = url.substr(0, slash), path = slash == std::string::npos ? "" : url.substr(slash);
  if (host.size() == scheme + 3 || host.find_first_of(" \t\r\n@?#") != std::string::npos ||
      path.find_first_of(" \t\r\n?#") != std::string::npos)
    throw Error(fmt::format("'{}' is no URL of a server", url), {},
                "scheme://host[:port][/path], nothing else");
  if (const std::size_t colon = host.rfind(':'); colon > scheme && host.find(']', colon) == std::string::npos)
    if (const std::string port = host.substr(colon + 1);
        port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos)
      throw Error(fmt::format("'{}' has no port number after its colon", url));
  while (path.ends_with('/')) path.pop_back();
  return {host, path};
}

/// Seconds since 1970 of "Sun, 06 Nov 1994 08:49:37 GMT"; NaN for a text of another form.
double date_s(const std::string& text) {
  std::istringstream stream(text);
  stream.imbue(std::locale::classic());
  std::tm date{};
  stream >> std::get_time(&date, "%a, %d %b %Y %H:%M:%S GMT");
  return stream.fail() ? kNaN : static_cast<double>(::timegm(&date));
}

/// What HttpResponse::retry_after_s says.
double wait_of(const std::string& retry_after, const std::string& date) {
  char* end = nullptr;
  const double seconds = std::strtod(retry_after.c_str(), &end);
  if (end != retry_after.c_str()) return seconds >= 0.0 ? seconds : -1.0;
  const double until = date_s(retry_after);
  if (std::isnan(until)) return -1.0;
  const double now = date_s(date);  // by the server's clock, which may be wrong in both
  return std::max(0.0, until - (std::isnan(now) ? wall_s() : now));
}

std::string reason_of(httplib::Error error) {
  switch (error) {
    case httplib::Error::Connection:
      return "could not connect";
    case httplib::Error::SSLServerVerification:
      return "the server's certificate is not trusted";
    case httplib::Error::SSLConnection:
      return "no TLS connection";
    case httplib::Error::SSLLoadingCerts:
      return "the certificates to trust could not be loaded";
    case httplib::Error::Read:
      return "the connection broke";
    case httplib::Error::Write:
      return "the request could not be sent";
    default:
      return httplib::to_string(error);
  }
}

}  // namespace

HttpClient::HttpClient(const std::string& url, HttpOptions options)
    : connection_(std::make_unique<Connection>()), options_(std::move(options)) {
  const auto [host, path] = parts_of(url);
  path_ = path;
  connection_->client = std::make_unique<httplib::Client>(host);
  if (!connection_->client->is_valid()) throw Error(fmt::format("'{}' is no URL of a server", url));
  auto& client = *connection_->client;
  client.set_keep_alive(true);
  client.set_tcp_nodelay(true);
  client.set_connection_timeout(std::chrono::milliseconds(
      static_cast<std::int64_t>(1e3 * std::min(options_.connect_timeout_s, options_.timeout_s))));
  const std::chrono::milliseconds patience(
      static_cast<std::int64_t>(1e3 * (options_.timeout_s + kBeyondDeadline)));
  client.set_read_timeout(patience);
  client.set_write_timeout(patience);
  if (!options_.ca_file.empty()) client.set_ca_cert_path(options_.ca_file);
}

HttpClient::~HttpClient() = default;

HttpResponse HttpClient::post(const std::string& path,
                              const std::vector<std::pair<std::string, std::string>>& headers,
                              const std::string& body, const std::function<bool(std::string_view)>& received,
                              const std::function<bool()>& interrupted) {
  HttpResponse response;
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::condition_variable changed;
  double enough_s = kNaN;  // when nothing more was needed
  httplib::Request request;
  request.method = "POST";
  request.path = path;
  for (const auto& [name, value] : headers) request.headers.emplace(name, value);
  request.headers.emplace("Content-Type", "application/json");
  request.body = body;
  request.response_handler = [&](const httplib::Response& head) {
    response.status = head.status;
    response.retry_after_s = wait_of(head.get_header_value("Retry-After"), head.get_header_value("Date"));
    response.location = head.get_header_value("Location");
    return !stop.load();
  };
  request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    response.body.append(data, size);
    if (received && !received(std::string_view(data, size))) {
      const std::scoped_lock lock(mutex);
      if (std::isnan(enough_s)) enough_s = monotonic_s();
      changed.notify_all();
    }
    return !stop.load();
  };

  // The request runs beside, so that an interruption or the deadline ends it whatever the server does.
  bool done = false;
  httplib::Error error = httplib::Error::Success;
  std::thread worker([&] {
    const auto result = connection_->client->send(request);
    const std::scoped_lock lock(mutex);
    error = result.error();
    done = true;
    changed.notify_all();
  });
  std::string ended;
  const double deadline = monotonic_s() + options_.timeout_s;
  {
    std::unique_lock lock(mutex);
    while (!done) {
      changed.wait_for(lock, std::chrono::milliseconds(50));
      if (done) break;
      const double now = monotonic_s();
      if (std::isnan(enough_s)) {
        const bool late = now > deadline;
        if (!late && !(interrupted && interrupted())) continue;
        if (ended.empty())
          ended = late ? fmt::format("no answer in {:.6g} s", options_.timeout_s) : "interrupted";
      } else if (now < enough_s + kEnding && !(interrupted && interrupted())) {
        continue;
      }
      stop.store(true);
      lock.unlock();
      connection_->client->stop();
      lock.lock();
    }
  }
  worker.join();
  if (!std::isnan(enough_s))
    response.failure.clear();
  else if (!ended.empty())
    response.failure = ended;
  else if (error != httplib::Error::Success)
    response.failure = reason_of(error);
  response.sent = error != httplib::Error::Connection && error != httplib::Error::SSLConnection &&
                  error != httplib::Error::SSLServerVerification && error != httplib::Error::SSLLoadingCerts;
  return response;
}

}  // namespace hone
