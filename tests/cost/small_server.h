#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hone::test {

/// What a test's server is asked, and what it answers.
struct ServerRequest {
  std::string target;   ///< "/v1/chat/completions"
  std::string headers;  ///< all lines
  std::string body;
};
struct ServerReply {
  int status = 200;
  std::string headers = "Content-Type: text/event-stream\r\n";  ///< further ones
  std::vector<std::string> pieces;                              ///< of the body, sent as chunks
  bool cut = false;      ///< the connection ends after the pieces, the body not
  bool mute = false;     ///< no answer at all until the server ends
  double pause_s = 0.0;  ///< before every piece
  double late_s = 0.0;   ///< from the last piece to the body's end
};

/// An HTTP/1.1 server on a free port of the loopback interface, one thread a connection.
class SmallServer {
 public:
  using Handler = std::function<ServerReply(const ServerRequest&)>;

  explicit SmallServer(Handler handler) : handler_(std::move(handler)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    ::listen(listener_, 16);
    socklen_t size = sizeof(address);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { accept_all(); });
  }
  ~SmallServer() {
    ending_.store(true);
    thread_.join();
    ::close(listener_);
    for (auto& connection : connections_) connection.join();
  }
  SmallServer(const SmallServer&) = delete;
  SmallServer& operator=(const SmallServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }

 private:
  bool readable(int fd) const {
    while (!ending_.load()) {
      pollfd ready{fd, POLLIN, 0};
      if (::poll(&ready, 1, 20) > 0) return true;
    }
    return false;
  }

  void accept_all() {
    while (readable(listener_)) {
      const int fd = ::accept(listener_, nullptr, nullptr);
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      if (fd >= 0) connections_.emplace_back([this, fd] { serve(fd); });
    }
  }

  /// Reads more into `buffer`; false at the end.
  bool more(int fd, std::string& buffer) const {
    char bytes[4096];
    if (!readable(fd)) return false;
    const ssize_t n = ::recv(fd, bytes, sizeof(bytes), 0);
    if (n <= 0) return false;
    buffer.append(bytes, static_cast<std::size_t>(n));
    return true;
  }

  static void send_all(int fd, const std::string& text) {
    for (std::size_t sent = 0; sent < text.size();) {
      const ssize_t n = ::send(fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<std::size_t>(n);
    }
  }

  void serve(int fd) {
    std::string buffer;
    while (true) {
      std::size_t end = 0;
      while ((end = buffer.find("\r\n\r\n")) == std::string::npos)
        if (!more(fd, buffer)) return static_cast<void>(::close(fd));
      ServerRequest request;
      request.headers = buffer.substr(0, end);
      const std::size_t space = request.headers.find(' ');
      request.target = request.headers.substr(space + 1, request.headers.find(' ', space + 1) - space - 1);
      const std::size_t length_at = request.headers.find("Content-Length: ");
      const std::size_t length =
          length_at == std::string::npos ? 0 : std::stoul(request.headers.substr(length_at + 16));
      while (buffer.size() < end + 4 + length)
        if (!more(fd, buffer)) return static_cast<void>(::close(fd));
      request.body = buffer.substr(end + 4, length);
      buffer.erase(0, end + 4 + length);
      const ServerReply reply = handler_(request);
      if (reply.mute) {
        while (!ending_.load()) ::usleep(5000);
        return static_cast<void>(::close(fd));
      }
      send_all(fd, "HTTP/1.1 " + std::to_string(reply.status) + " X\r\nTransfer-Encoding: chunked\r\n" +
                       reply.headers + "\r\n");
      for (const auto& piece : reply.pieces) {
        if (ending_.load()) break;
        ::usleep(static_cast<unsigned>(1e6 * reply.pause_s));
        char size[20];
        std::snprintf(size, sizeof(size), "%zx\r\n", piece.size());
        send_all(fd, size + piece + "\r\n");
      }
      for (double waited = 0.0; waited < reply.late_s && !ending_.load(); waited += 0.005) ::usleep(5000);
      if (reply.cut) return static_cast<void>(::close(fd));
      send_all(fd, "0\r\n\r\n");
    }
  }

  Handler handler_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> ending_{false};
  std::thread thread_;
  std::vector<std::thread> connections_;
};

}  // namespace hone::test
