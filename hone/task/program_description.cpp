#include "hone/task/program_description.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/base/clock.h"
#include "hone/base/files.h"
#include "hone/base/key.h"
#include "hone/base/units.h"

namespace hone::task {
namespace {

/// A description is a few kilobytes; what writes more is no description.
constexpr std::size_t kMaxAnswer = 1 << 20;
constexpr const char* kHowTo = "its main must be: return hone::worker_main(argc, argv, {...});";

struct Answer {
  int status = 0;  ///< as waitpid gives it
  std::string out, err;
  bool late = false;
  bool endless = false;
};

double time_limit_s() {
  const char* given = std::getenv("HONE_DESCRIBE_TIME");
  return given == nullptr ? 10.0 : parse_duration_s(given, "HONE_DESCRIBE_TIME");
}

/// Runs a program to its end with no input and collects what it prints. Throws Error where it cannot start.
Answer run_and_collect(const std::string& path, const std::vector<std::string>& arguments,
                       const Place& place) {
  std::vector<char*> argv{const_cast<char*>(path.c_str())};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  std::array<int, 6> ends{-1, -1, -1, -1, -1, -1};  // what it prints, its errors, and errno where exec fails
  const auto close_all = [&] {
    for (int& end : ends)
      if (end >= 0) ::close(std::exchange(end, -1));
  };
  for (std::size_t i = 0; i < ends.size(); i += 2)
    if (::pipe2(&ends[i], O_CLOEXEC) != 0) {
      const int error = errno;
      close_all();
      throw environment_error(fmt::format("cannot make a pipe: {}", std::strerror(error)));
    }
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) {
    const int error = errno;
    close_all();
    throw environment_error(fmt::format("cannot start a process: {}", std::strerror(error)));
  }
  if (child == 0) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    const int input = ::open("/dev/null", O_RDONLY);
    if (input >= 0) ::dup2(input, 0);
    ::dup2(ends[1], 1);
    ::dup2(ends[3], 2);
    ::execv(argv[0], argv.data());
    const int error = errno;
    [[maybe_unused]] const ssize_t n = ::write(ends[5], &error, sizeof error);
    ::_exit(127);
  }
  ::setpgid(child, child);  // in both, since either may come first
  for (const std::size_t i : {1, 3, 5}) ::close(std::exchange(ends[i], -1));

  Answer answer;
  std::string failure;
  const std::array<std::string*, 3> texts{&answer.out, &answer.err, &failure};
  std::array<pollfd, 3> waits{pollfd{ends[0], POLLIN, 0}, pollfd{ends[2], POLLIN, 0},
                              pollfd{ends[4], POLLIN, 0}};
  const double until = monotonic_s() + time_limit_s();
  // Its end and what it printed: a child of its own may hold the pipes open longer, so after the end only
  // what is there already counts.
  for (bool ended = false;;) {
    answer.late = monotonic_s() >= until;
    answer.endless = answer.out.size() > kMaxAnswer || answer.err.size() > kMaxAnswer;
    if (answer.late || answer.endless) break;
    if (::poll(waits.data(), waits.size(), ended ? 0 : 10) > 0) {
      for (std::size_t i = 0; i < waits.size(); ++i) {
        if (waits[i].fd < 0 || waits[i].revents == 0) continue;
        char buffer[4096];
        const ssize_t n = ::read(waits[i].fd, buffer, sizeof buffer);
        if (n > 0) texts[i]->append(buffer, static_cast<std::size_t>(n));
        if (n == 0) waits[i].fd = -1;
      }
    } else if (ended) {
      break;
    }
    siginfo_t info{};  // left unreaped, so that its number still names its process group below
    ended = ended || (::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                      info.si_pid == child);
  }
  ::kill(-child, SIGKILL);  // with whatever it has started
  ::waitpid(child, &answer.status, 0);
  close_all();
  if (failure.size() >= sizeof(int)) {
    int error = 0;
    std::memcpy(&error, failure.data(), sizeof error);
    throw Error(fmt::format("{} cannot be run: {}", path, std::strerror(error)), place);
  }
  return answer;
}

std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  text = text.substr(text.rfind('\n') + 1);
  return text.size() > 200 ? text.substr(0, 197) + "..." : text;
}

OptionSpec::Type type_of(const std::string& text) {
  using Type = OptionSpec::Type;
  for (const Type type : {Type::flag, Type::integer, Type::real, Type::text, Type::integers, Type::texts,
                          Type::duration, Type::quantity, Type::table, Type::size})
    if (OptionSpec{.name = "", .type = type, .fallback = {}, .summary = ""}.type_text() == text) return type;
  throw Error(fmt::format("unknown type of option '{}'", text));
}

/// What a program says of itself, asked once.
class DescribedTask final : public Task {
 public:
  DescribedTask(const Options& options, const std::string& folder) : path_(program_path(options, folder)) {
    const Place place = options.place("program");
    const Json answer = ask_program(path_, {"describe"}, place);
    try {
      choose(answer, options);
      const Node given = options.table("options");
      const Node table = given ? given : Node(Node::Type::table, options.place("program"));
      const Options own(description_.options, table);
      if (!description_.complete) {
        try {
          const Json made =
              ask_program(path_, {"describe", description_.name, own.json().dump(), folder}, place);
          description_ = ProgramDescription::from_json(made.at("task"));
        } catch (const Error& error) {
          // The program knows an option's name, not the line.
          const Place at = error.place();
          if (!at.file.empty()) throw;
          const bool named = !at.key.empty() && given && given.has(at.key);
          throw Error(error.message(), named ? given[at.key].place() : place, error.hint(), error.fault());
        }
      }
    } catch (const Json::exception&) {
      throw Error(fmt::format("{} describes no task", path_), place, kHowTo);
    }
    if (description_.measures.empty() && !description_.any_measure)
      throw Error(fmt::format("the task '{}' of {} reports nothing", description_.name, path_), place);
    identity_ = description_.identity.empty() ? program_identity(path_) : description_.identity;
  }

  std::vector<MeasureInfo> measures() const override { return description_.measures; }
  std::string fidelity_unit() const override { return description_.fidelity_unit; }
  bool any_measure() const override { return description_.any_measure; }
  Needs needs() const override { return description_.needs; }
  /// What only the program knows of the space it says itself before a search begins: PROGRAM check.
  void check(const space::Space&) const override {}
  std::string program() const override { return path_; }
  std::string data_identity() const override { return identity_; }

 private:
  void choose(const Json& answer, const Options& options) {
    std::vector<std::string> names;
    for (const auto& task : answer.at("tasks")) names.push_back(task.at("name").get<std::string>());
    const std::string wanted = options.has("name") ? options.text("name") : std::string();
    if (wanted.empty() && names.size() != 1)
      throw Error(fmt::format("{} holds {} tasks; write name = \"...\"", path_, names.size()),
                  options.place("program"), suggest("", names));
    for (const auto& task : answer.at("tasks"))
      if (wanted.empty() || task.at("name") == wanted) {
        description_ = ProgramDescription::from_json(task);
        return;
      }
    throw Error(fmt::format("{} holds no task '{}'", path_, wanted), options.place("name"),
                suggest(wanted, names));
  }

  std::string path_;
  ProgramDescription description_;
  std::string identity_;
};

}  // namespace

Json ProgramDescription::json() const {
  Json option_list = Json::array();
  for (const auto& option : options)
    option_list.push_back({{"name", option.name},
                           {"type", option.type_text()},
                           {"default", option.fallback},
                           {"optional", option.optional},
                           {"low", real_to_json(option.low)},
                           {"high", real_to_json(option.high)},
                           {"allowed", option.allowed},
                           {"summary", option.summary}});
  Json measure_list = Json::array();
  for (const auto& measure : measures)
    measure_list.push_back({{"name", measure.name},
                            {"direction", measure.minimize ? "minimize" : "maximize"},
                            {"timed", measure.timed},
                            {"before", measure.before},
                            {"unshared", measure.unshared},
                            {"summary", measure.summary}});
  return {{"name", name},
          {"summary", summary},
          {"complete", complete},
          {"measures", measure_list},
          {"any_measure", any_measure},
          {"fidelity", {{"unit", fidelity_unit}, {"note", fidelity_note}}},
          {"needs", {{"cores", needs.cores}, {"gpus", needs.gpus}, {"grace_s", needs.grace_s}}},
          {"options", option_list},
          {"identity", identity}};
}

ProgramDescription ProgramDescription::from_json(const Json& json) {
  ProgramDescription description;
  const auto read = [](const Json& from, const char* name, auto& value) { from.at(name).get_to(value); };
  read(json, "name", description.name);
  read(json, "summary", description.summary);
  read(json, "complete", description.complete);
  read(json, "any_measure", description.any_measure);
  read(json, "identity", description.identity);
  read(json.at("fidelity"), "unit", description.fidelity_unit);
  read(json.at("fidelity"), "note", description.fidelity_note);
  read(json.at("needs"), "cores", description.needs.cores);
  read(json.at("needs"), "gpus", description.needs.gpus);
  read(json.at("needs"), "grace_s", description.needs.grace_s);
  for (const auto& entry : json.at("measures")) {
    MeasureInfo measure;
    read(entry, "name", measure.name);
    read(entry, "summary", measure.summary);
    read(entry, "timed", measure.timed);
    read(entry, "before", measure.before);
    read(entry, "unshared", measure.unshared);
    measure.minimize = entry.at("direction").get<std::string>() != "maximize";
    description.measures.push_back(std::move(measure));
  }
  for (const auto& entry : json.at("options")) {
    OptionSpec option;
    read(entry, "name", option.name);
    read(entry, "summary", option.summary);
    read(entry, "allowed", option.allowed);
    read(entry, "optional", option.optional);
    option.type = type_of(entry.at("type").get<std::string>());
    option.fallback = entry.at("default");
    option.low = json_to_real(entry.at("low"));
    option.high = json_to_real(entry.at("high"));
    description.options.push_back(std::move(option));
  }
  return description;
}

Json error_to_json(const Error& error) {
  return {{"message", error.message()}, {"hint", error.hint()},     {"file", error.place().file},
          {"line", error.place().line}, {"key", error.place().key}, {"input", error.fault() == Fault::input}};
}

Error error_from_json(const Json& json) {
  return Error(json.at("message").get<std::string>(),
               Place{json.at("file").get<std::string>(), json.at("line").get<int>(),
                     json.at("key").get<std::string>()},
               json.at("hint").get<std::string>(),
               json.at("input").get<bool>() ? Fault::input : Fault::environment);
}

Json ask_program(const std::string& path, const std::vector<std::string>& arguments, const Place& place) {
  const Answer answer = run_and_collect(path, arguments, place);
  const std::string asked = fmt::format("{} {}", path, arguments.front());
  if (answer.late)
    throw Error(fmt::format("{} did not answer within {}", asked, quantity_text("time_s", time_limit_s())),
                place, fmt::format("{} HONE_DESCRIBE_TIME sets another limit", kHowTo));
  if (answer.endless)
    throw Error(fmt::format("{} prints without end, and no description of a task", asked), place, kHowTo);
  const Json json = Json::parse(answer.out, nullptr, false);
  if (json.is_object() && json.contains("hone") && json["hone"].is_string()) {
    if (const auto version = json["hone"].get<std::string>(); version != HONE_VERSION)
      throw Error(fmt::format("{} was built with hone {}, and this is hone {}", path, version, HONE_VERSION),
                  place, "build it anew with this one");
    if (!json.contains("error")) return json;
    try {
      throw error_from_json(json["error"]);
    } catch (const Json::exception&) {
      throw Error(fmt::format("{} failed, and does not say why", asked), place, kHowTo);
    }
  }
  const std::string said = last_line(answer.err);
  const std::string saying = said.empty() ? "" : ": " + said;
  if (WIFSIGNALED(answer.status))
    throw Error(fmt::format("{} was killed by signal {}{}", asked, WTERMSIG(answer.status), saying), place);
  if (WEXITSTATUS(answer.status) != 0)
    throw Error(fmt::format("{} ended with status {}{}", asked, WEXITSTATUS(answer.status), saying), place,
                kHowTo);
  throw Error(fmt::format("{} printed no description of a task", asked), place, kHowTo);
}

std::string program_identity(const std::string& path) { return "program " + hash_key(read_file(path)).hex(); }

std::shared_ptr<const Task> make_described_task(const Options& options, const std::string& folder) {
  return std::make_shared<DescribedTask>(options, folder);
}

std::string program_path(const Options& options, const std::string& folder) {
  const std::string given = options.text("program");
  const std::string path =
      std::filesystem::absolute(std::filesystem::path(folder) / given).lexically_normal().string();
  const Place place = options.place("program");
  std::error_code code;
  if (!std::filesystem::exists(path, code))
    throw Error(fmt::format("there is no program '{}'", given), place,
                "build it; a relative path starts at the study file");
  if (std::filesystem::is_directory(path, code))
    throw Error(fmt::format("'{}' is a folder, not a program", given), place);
  if (::access(path.c_str(), X_OK) != 0)
    throw Error(fmt::format("'{}' is not executable", given), place, "chmod +x makes it so");
  return path;
}

}  // namespace hone::task
