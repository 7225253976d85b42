#include "hone/label/label_worker.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fstream>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/base/error.h"
#include "hone/cost/data_caches.h"
#include "hone/label/labeller.h"
#include "hone/label/last_cache.h"
#include "hone/label/translated_pages.h"

namespace hone::label {
namespace {

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (const std::size_t colon = line.find(": "); line.starts_with("model name") && colon != line.npos)
      return line.substr(colon + 2);
  return "";
}

}  // namespace

bool send_line(int to, std::string line) {
  line += '\n';
  for (std::size_t sent = 0; sent < line.size();) {
    const ssize_t wrote = ::send(to, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (wrote > 0)
      sent += static_cast<std::size_t>(wrote);
    else if (errno != EINTR)
      return false;
  }
  return true;
}

bool read_line(int from, std::string& buffer, std::string& line) {
  for (;;) {
    if (const std::size_t end = buffer.find('\n'); end != std::string::npos) {
      line = buffer.substr(0, end);
      buffer.erase(0, end + 1);
      return true;
    }
    char bytes[65536];
    const ssize_t count = ::recv(from, bytes, sizeof bytes, 0);
    if (count > 0)
      buffer.append(bytes, static_cast<std::size_t>(count));
    else if (count == 0 || errno != EINTR)
      return false;
  }
}

void label_work(int pool, const LabelPlan& plan, const std::map<std::string, double>& measured) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_IGN);  // the pool decides
  try {
    const Labeller labeller(measured);
    std::string buffer, line;
    while (read_line(pool, buffer, line)) {
      try {
        const bool again = line.starts_with("again ");
        const std::uint64_t number = std::stoull(again ? line.substr(6) : line);
        cost::Label label = labeller.prepare(cost::generate_kernel(plan.seed, number, plan.families));
        if (!again) {
          if (!send_line(pool, "structure " + label.structure.hex()) || !read_line(pool, buffer, line)) break;
          if (line != "go") continue;
        }
        labeller.measure(label);
        send_line(pool, "label " + label.json().dump(-1, ' ', false, Json::error_handler_t::replace));
      } catch (const std::exception& error) {
        std::string why = error.what();
        std::replace(why.begin(), why.end(), '\n', ' ');
        if (!send_line(pool, "failed " + why)) break;
      }
    }
  } catch (...) {
    ::_exit(1);
  }
  ::_exit(0);
}

cost::LabelProvenance label_provenance(const LabelPlan& plan, bool measures) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    throw environment_error(fmt::format("cannot talk to a process: {}", std::strerror(errno)));
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      const Backend backend;
      cost::LabelProvenance from;
      utsname system{};
      ::uname(&system);
      const std::string model = cpu_model();
      from.machine =
          fmt::format("{} {}", system.sysname, system.machine) + (model.empty() ? "" : ", " + model);
      from.cpu = backend.cpu();
      from.code_target = backend.code_target();
      from.compiler = compiler_version();
      from.flags =
          "-O3 as clang has it (SLP too), noalias arguments, no floating-point contraction, denormals as "
          "zero";
      if (measures) {
        from.measured = measure_yardsticks(backend);
        measure_gathers(backend, *from.code_target);
        from.code_target->cache_bytes = cost::cache_sizes();
        // Never less than the one before it.
        std::array<double, 3>& caches = from.code_target->cache_bytes;
        caches.back() = std::max(caches[1], last_cache_bytes(caches.back()));
        from.code_target->cache_ways = cost::cache_ways();
        from.code_target->translated_pages = translated_pages();
      }
      send_line(pair[1], from.json().dump(-1, ' ', false, Json::error_handler_t::replace));
    } catch (...) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  ::close(pair[1]);
  std::string buffer, line;
  const bool answered = child > 0 && read_line(pair[0], buffer, line);
  ::close(pair[0]);
  if (child > 0) ::waitpid(child, nullptr, 0);
  if (!answered) throw environment_error("the compiler does not start here");
  cost::LabelProvenance from = cost::LabelProvenance::from_json(Json::parse(line));
  from.date = today();
  from.seed = plan.seed;
  from.generator = cost::kGeneratorVersion;
  from.families = plan.families;
  return from;
}

}  // namespace hone::label
