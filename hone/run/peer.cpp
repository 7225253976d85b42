#include "hone/run/peer.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/base/json.h"
#include "hone/base/key.h"

namespace hone::run {

namespace {

constexpr std::size_t kMaxLine = std::size_t{1} << 24;
constexpr int kTick_ms = 200;

std::string text_of(const Json& object, const char* name, const std::string& fallback = {}) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : fallback;
}

/// What a peer said, in one line of valid UTF-8, whatever it was.
std::string said_line(const std::string& text) {
  std::string line = text;
  for (char& c : line)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  return Json::parse(Json(line).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

/// "NAME VERSION" of a package in a Python environment, "" where it is not there.
std::string installed(const std::filesystem::path& environment, const std::string& package) {
  std::error_code code;
  for (const auto& python : std::filesystem::directory_iterator(environment / "lib", code))
    for (const auto& entry : std::filesystem::directory_iterator(python.path() / "site-packages", code)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(package + "-") && name.ends_with(".dist-info"))
        return package + " " + name.substr(package.size() + 1, name.size() - package.size() - 11);
    }
  return {};
}

/// Of what decides what an adapter does: its file, and what the adapters beside it share.
std::string adapter_hash(const std::filesystem::path& adapter) {
  KeyBuilder key;
  for (const auto& path : {adapter, adapter.parent_path() / "protocol.py"}) {
    std::error_code code;
    key.text(std::filesystem::is_regular_file(path, code) ? read_file(path.string()) : std::string());
  }
  return key.build().hex().substr(0, 8);
}

PeerMethod read_method(const Json& entry, const std::filesystem::path& folder,
                       const std::filesystem::path& environments) {
  PeerMethod method;
  method.name = text_of(entry, "name");
  method.summary = text_of(entry, "summary");
  method.method = text_of(entry, "method", method.name);
  method.adapter = (folder / text_of(entry, "adapter")).string();
  method.fidelity = entry.value("fidelity", false);
  method.several = entry.value("several", false);
  method.limits = entry.value("limits", false);
  method.max_trials = entry.value("trials", method.max_trials);
  method.max_seeds = entry.value("seeds", method.max_seeds);
  method.answer_s = entry.value("answer_s", method.answer_s);
  const std::string environment = text_of(entry, "environment");
  if (environment.empty()) {
    method.program = program_on_path("python3");
    method.version = "no library";
    if (method.program.empty()) method.lacks = "there is no python3 on the path";
  } else {
    const std::string package = text_of(entry, "package");
    method.program = (environments / environment / "bin" / "python").string();
    method.version = installed(environments / environment, package);
    if (method.version.empty() || ::access(method.program.c_str(), X_OK) != 0)
      method.lacks = fmt::format("not installed; run: ./dev peers {}", environment);
  }
  if (method.lacks.empty()) method.version += "+" + adapter_hash(method.adapter);
  return method;
}

/// {"parent": ..., "values": [...]}: the values of its one discrete parent under which a parameter is active.
/// null where it hangs on something else, or that has more than a thousand.
Json peer_condition(const space::Space& space, const space::Parameter& parameter) {
  constexpr std::int64_t kMost = 1000;
  const auto index = parameter.when && parameter.when.names().size() == 1
                         ? space.index(parameter.when.names().front())
                         : std::nullopt;
  if (!index || space.parameter(*index).kind == space::ParameterKind::real) return nullptr;
  const space::Parameter& parent = space.parameter(*index);
  if (!parent.same_as.empty()) return nullptr;  // peers are not told of it
  std::vector<Value> values = parent.choices;
  if (parent.kind == space::ParameterKind::flag) values = {false, true};
  if (parent.kind == space::ParameterKind::integer) {
    if (parent.cardinality() > kMost) return nullptr;
    for (std::int64_t i = 0; i < parent.cardinality(); ++i)
      values.emplace_back(static_cast<std::int64_t>(parent.low) + i * parent.step);
  }
  Json active = Json::array();
  for (const Value& value : values) {
    const auto truth = parameter.when.evaluate([&](const std::string&) {
      return space::Expression::Bound{true, false, value, {}};
    });
    if (truth == space::Expression::Truth::yes) active.push_back(value_to_json(value));
  }
  return {{"parent", parent.name}, {"values", active}};
}

}  // namespace

std::vector<PeerMethod> peer_methods(const std::string& folder) {
  const std::filesystem::path path(folder);
  const std::string list = (path / "peers.json").string();
  if (!std::filesystem::exists(list))
    throw Error("there are no adapters here", Place{list, 0, ""},
                "give --peers the folder bench/peers of hone's source");
  const Json document = parse_json(read_file(list), list);
  std::vector<PeerMethod> methods;
  try {
    const auto environments = (path / document.value("environments", "environments")).lexically_normal();
    for (const Json& entry : document.at("peers")) methods.push_back(read_method(entry, path, environments));
  } catch (const nlohmann::json::exception& error) {
    throw Error(fmt::format("this is no list of peers: {}", error.what()), Place{list, 0, ""});
  }
  return methods;
}

Json peer_space(const space::Space& space) {
  Json all = Json::array();
  for (const space::Parameter& parameter : space.parameters()) {
    if (!parameter.same_as.empty()) continue;
    Json entry{{"name", parameter.name}};
    switch (parameter.kind) {
      case space::ParameterKind::real:
        entry["kind"] = "real";
        entry["low"] = parameter.low;
        entry["high"] = parameter.high;
        entry["log"] = parameter.log;
        break;
      case space::ParameterKind::integer:
        entry["kind"] = "integer";
        entry["low"] = static_cast<std::int64_t>(parameter.low);
        entry["high"] = static_cast<std::int64_t>(parameter.high);
        entry["log"] = parameter.log;
        entry["step"] = parameter.step;
        break;
      case space::ParameterKind::flag:
        entry["kind"] = "flag";
        break;
      case space::ParameterKind::choice:
      case space::ParameterKind::ordinal:
        entry["kind"] = parameter.kind == space::ParameterKind::choice ? "choice" : "ordinal";
        entry["values"] = Json::array();
        for (const Value& value : parameter.choices) entry["values"].push_back(value_to_json(value));
        break;
    }
    if (Json when = peer_condition(space, parameter); !when.is_null()) entry["when"] = std::move(when);
    all.push_back(std::move(entry));
  }
  return all;
}

space::Config peer_config(const space::Space& space, const Json& assignment) {
  if (!assignment.is_object()) throw Error("a peer's config must be an object");
  std::vector<space::Config::Entry> entries;
  for (const space::Parameter& parameter : space.parameters()) {
    if (!parameter.same_as.empty()) continue;
    const auto found = assignment.find(parameter.name);
    if (found == assignment.end()) continue;
    Value value = value_from_json(*found);
    if (parameter.kind == space::ParameterKind::real || parameter.kind == space::ParameterKind::integer) {
      // What a transform's rounding puts beside an end is that end.
      const double number = value_real(value), low = parameter.low, high = parameter.high;
      const double slack = 1e-6 * (parameter.log ? std::abs(number) : high - low);
      if (!(number >= low - slack && number <= high + slack))
        throw Error(fmt::format("a peer gave {} = {}, outside its range, {} to {}", parameter.name,
                                value_quoted(value), real_text(low), real_text(high)));
      if (parameter.kind == space::ParameterKind::real)
        value = number;
      else
        value = static_cast<std::int64_t>(std::llround(number));
    } else if (parameter.kind != space::ParameterKind::flag) {
      const auto same = std::find_if(parameter.choices.begin(), parameter.choices.end(),
                                     [&](const Value& choice) { return value_same(choice, value); });
      if (same == parameter.choices.end())
        throw Error(fmt::format("a peer gave {} = {}, which is none of its values", parameter.name,
                                value_quoted(value)));
      value = *same;
    }
    entries.emplace_back(parameter.name, std::move(value));
  }
  return space.canonical(space::Config(std::move(entries)));
}

Peer::Peer(const PeerMethod& method, PeerStart start) : method_(method), start_(std::move(start)) {
  if (!method_.lacks.empty()) throw PeerUnable(method_.lacks);
  int ends[2] = {-1, -1};
  said_ = ::memfd_create("hone-peer", MFD_CLOEXEC);
  if (said_ < 0 || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw environment_error(fmt::format("cannot talk to a peer: {}", std::strerror(errno)));
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) {
    ::close(ends[0]);
    ::close(ends[1]);
    throw environment_error(fmt::format("cannot start a peer: {}", std::strerror(errno)));
  }
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(125);
    ::setpgid(0, 0);
    ::dup2(ends[1], 0);
    ::dup2(ends[1], 1);
    ::dup2(said_, 2);
    for (const char* name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"})
      ::setenv(name, "1", 1);
    const char* argv[] = {method_.program.c_str(), method_.adapter.c_str(), nullptr};
    ::execv(method_.program.c_str(), const_cast<char**>(argv));
    ::_exit(126);
  }
  ::close(ends[1]);
  socket_ = ends[0];
  try {
    begin(std::move(start_));
  } catch (...) {
    end();
    throw;
  }
}

void Peer::begin(PeerStart start) {
  start_ = std::move(start);
  const Json answer = exchange({{"do", "start"},
                                {"method", method_.method},
                                {"space", peer_space(start_.space)},
                                {"objectives", std::vector<std::string>(start_.objectives, "min")},
                                {"limits", start_.limits},
                                {"seed", start_.seed},
                                {"trials", start_.trials},
                                {"workers", start_.workers},
                                {"rungs", start_.rungs},
                                {"seconds", start_.seconds}});
  version_ = text_of(answer, "version", "unknown version");
}

Peer::~Peer() { end(); }

void Peer::end() {
  if (socket_ >= 0) ::close(socket_);
  if (said_ >= 0) ::close(said_);
  if (pid_ > 0) {
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  socket_ = said_ = -1;
  pid_ = -1;
}

void stop_if(const std::function<bool()>& interrupted) {
  if (interrupted && interrupted()) throw environment_error("interrupted");
}

template <class Broken>
void Peer::broken(const std::string& how) {
  constexpr off_t kShown = 600;
  const off_t size = ::lseek(said_, 0, SEEK_END);
  std::string tail(static_cast<std::size_t>(std::min(size, kShown)), '\0');
  const ssize_t got = ::pread(said_, tail.data(), tail.size(), std::max<off_t>(0, size - kShown));
  tail.resize(static_cast<std::size_t>(std::max<ssize_t>(0, got)));
  while (!tail.empty() && tail.back() == '\n') tail.pop_back();
  throw Broken(said_line(fmt::format("peer {} {}", method_.name, how)), Place{},
               tail.empty() ? std::string() : fmt::format("it said last: {}", said_line(tail)),
               Fault::environment);
}

std::optional<std::string> Peer::line() {
  const double until = monotonic_s() + method_.answer_s;
  for (;;) {
    if (const auto end = read_.find('\n'); end != std::string::npos) {
      std::string text = read_.substr(0, end);
      read_.erase(0, end + 1);
      return text;
    }
    if (read_.size() > kMaxLine) broken("wrote a line without end");
    stop_if(start_.interrupted);
    if (monotonic_s() > until) broken<PeerHung>(fmt::format("gave no answer for {:g} s", method_.answer_s));
    pollfd wait{socket_, POLLIN, 0};
    if (::poll(&wait, 1, kTick_ms) <= 0) continue;
    char bytes[65536];
    const ssize_t got = ::recv(socket_, bytes, sizeof bytes, 0);
    if (got == 0 || (got < 0 && errno != EINTR)) return std::nullopt;
    if (got > 0) read_.append(bytes, static_cast<std::size_t>(got));
  }
}

Json Peer::exchange(const Json& request) {
  const std::string text = request.dump() + "\n";
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t sent = ::send(socket_, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) broken("ended");
    at += static_cast<std::size_t>(sent);
  }
  const auto answer = line();
  if (!answer) broken("ended");
  const Json json = Json::parse(*answer, nullptr, false);
  if (!json.is_object()) broken(fmt::format("answered '{}'", answer->substr(0, 80)));
  if (const std::string error = text_of(json, "error"); !error.empty()) {
    if (json.value("unable", Json()) == true) throw PeerUnable(said_line(error));
    broken(fmt::format("failed: {}", error));
  }
  return json;
}

double Peer::milliseconds(const Json& answer) {
  const auto found = answer.find("ms");
  if (found == answer.end()) return 0.0;
  const double ms = found->is_number() ? found->get<double>() : -1.0;
  if (!(ms >= 0.0) || !std::isfinite(ms))
    broken(fmt::format("answered ms = {}, which is no time", found->dump()));
  return ms;
}

std::int64_t Peer::whole(const Json& answer, const char* name, std::int64_t fallback) {
  const auto found = answer.find(name);
  if (found == answer.end()) return fallback;
  if (!found->is_number_integer() || (found->is_number_unsigned() && found->get<std::uint64_t>() > INT64_MAX))
    broken(fmt::format("answered {} = {}, which is no whole number", name, found->dump()));
  return found->get<std::int64_t>();
}

Peer::Asked Peer::ask(std::int64_t number) {
  const Json answer = exchange({{"do", "ask"}, {"trial", number}});
  Asked asked;
  asked.trial = whole(answer, "trial", number);
  asked.to = whole(answer, "to", 0);
  asked.ms = milliseconds(answer);
  const auto config = answer.find("config");
  if (config == answer.end()) broken("asked for nothing");
  if (config->is_null()) return asked;
  try {
    asked.config = peer_config(start_.space, *config);
  } catch (const Error& error) {
    broken(fmt::format("answered no config: {}", error.what()));
  }
  return asked;
}

double Peer::tell(std::int64_t trial, const std::optional<std::vector<double>>& values,
                  const std::vector<double>& excess, double seconds) {
  Json request{{"do", "tell"}, {"trial", trial}, {"values", nullptr}};
  if (values) request["values"] = *values;
  if (values && start_.limits > 0) request["limits"] = excess;
  if (start_.seconds) request["seconds"] = seconds;
  return milliseconds(exchange(request));
}

void Peer::fill(const std::vector<space::Config>& configs, const std::vector<std::vector<double>>& values) {
  Json list = Json::array();
  for (const space::Config& config : configs) list.push_back(config.json());
  exchange({{"do", "fill"}, {"configs", std::move(list)}, {"values", values}});
}

Peer::Judged Peer::report(std::int64_t trial, std::int64_t fidelity, const std::vector<double>& values) {
  const Json answer =
      exchange({{"do", "report"}, {"trial", trial}, {"fidelity", fidelity}, {"values", values}});
  const Json verdict = answer.value("verdict", Json("continue"));
  Judged judged;
  judged.ms = milliseconds(answer);
  using Verdict = schedule::Scheduler::Verdict;
  if (verdict != "continue" && verdict != "stop" && verdict != "pause")
    broken(fmt::format("answered verdict = {}, which is none", verdict.dump()));
  judged.verdict = verdict == "stop" ? Verdict::stop : verdict == "pause" ? Verdict::pause : Verdict::go_on;
  return judged;
}

}  // namespace hone::run
