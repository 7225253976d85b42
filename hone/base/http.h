#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hone {

/// What a server answered.
struct HttpResponse {
  int status = 0;  ///< 0: no answer came; `failure` says why
  std::string body;
  /// Seconds that Retry-After asks to wait; where it names a date, from the answer's own Date. < 0: nothing
  double retry_after_s = -1.0;
  std::string location;  ///< the header of that name; "" without
  /// "could not connect", "no answer in 30 s", ...; "" where the answer is whole, or as much of it came as
  /// `received` wanted
  std::string failure;
  bool sent = false;  ///< the server may have begun to work on it: the connection stood
};

struct HttpOptions {
  double connect_timeout_s = 10.0;  ///< at most timeout_s
  double timeout_s = 120.0;         ///< of one whole request, connecting too
  std::string ca_file;              ///< certificates to trust beside the system's; ""
};

/// A connection to one server over http or https (certificates are checked), kept open between requests.
/// Redirects are not followed, so that a header with a key goes nowhere else. Not thread safe.
class HttpClient {
 public:
  /// `url` is scheme://host[:port][/path]. Throws Error on another form.
  explicit HttpClient(const std::string& url, HttpOptions options = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  const std::string& path() const { return path_; }  ///< of the URL, without a slash at its end

  /// Posts JSON. `received` sees the body's pieces as they come, whatever the status; once it returned false
  /// nothing more is needed: the answer may still end, so that the connection can be kept, but not for long.
  /// `interrupted` is asked twenty times a second. Never throws for what the network does.
  HttpResponse post(const std::string& path, const std::vector<std::pair<std::string, std::string>>& headers,
                    const std::string& body, const std::function<bool(std::string_view)>& received = {},
                    const std::function<bool()>& interrupted = {});

 private:
  struct Connection;
  std::unique_ptr<Connection> connection_;
  HttpOptions options_;
  std::string path_;
};

}  // namespace hone
