#include "command.h"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <limits>
#include <new>

#include <sys/ioctl.h>
#include <unistd.h>

#include "hone/base/files.h"
#include "hone/run/process.h"
#include "hone/run/worker.h"

namespace hone::cli {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;
void on_interrupt(int) { g_interrupted = 1; }

constexpr std::int64_t kOneRequestNs = 500'000'000;  ///< signals so close to the first one are of its request
std::atomic<std::int64_t> g_interrupted_ns = 0;      ///< when the first came
static_assert(std::atomic<std::int64_t>::is_always_lock_free, "a signal handler takes no locks");

/// The first request asks to stop, the second is not asked for twice. One may come as several signals: to the
/// process and to its group, as timeout sends them.
void on_interrupt_or_end(int number) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const std::int64_t now_ns = now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
  if (g_interrupted == 0) {
    g_interrupted_ns = now_ns;
    g_interrupted = 1;
  } else if (now_ns - g_interrupted_ns >= kOneRequestNs) {
    std::signal(number, SIG_DFL);
    std::raise(number);
  }
}

/// A word as a shell takes it for one.
std::string shell_word(const std::string& text) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) != 0 || c >= 0x80 || std::strchr("_-./:=@%+,", c) != nullptr;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

CLI::Validator number_validator(const std::string& name, const std::string& wanted, bool (*good)(double)) {
  return CLI::Validator(
      [wanted, good](std::string& input) {
        double value = 0.0;
        return CLI::detail::lexical_cast(input, value) && std::isfinite(value) && good(value)
                   ? std::string()
                   : fmt::format("expected a number {}, found '{}'", wanted, input);
      },
      name);
}

}  // namespace

void catch_interrupts(SecondInterrupt second) {
  struct sigaction handler {};
  handler.sa_handler = second == SecondInterrupt::ends
                           ? on_interrupt_or_end
                           : on_interrupt;  // without SA_RESTART: blocking calls return
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaction(number, &handler, nullptr);
}

bool interrupted() { return g_interrupted != 0; }

CLI::Validator not_negative() {
  return number_validator("NONNEGATIVE", "of 0 or more", [](double value) { return value >= 0.0; });
}

CLI::Validator positive() {
  return number_validator("POSITIVE", "above 0", [](double value) { return value > 0.0; });
}

CLI::Validator between(double low, double high) {
  return CLI::Validator(
      [low, high](std::string& input) {
        double value = 0.0;
        return CLI::detail::lexical_cast(input, value) && value >= low && value <= high
                   ? std::string()
                   : fmt::format("expected a number from {:g} to {:g}, found '{}'", low, high, input);
      },
      fmt::format("in [{:g} - {:g}]", low, high));
}

CLI::Validator whole_number(std::int64_t low, std::int64_t high) {
  return CLI::Validator(
      [low, high](std::string& input) {
        std::int64_t value = 0;
        const char* const end = input.data() + input.size();
        const auto read = std::from_chars(input.data(), end, value);
        if (read.ec == std::errc() && read.ptr == end && value >= low && value <= high) return std::string();
        return high == std::numeric_limits<std::int64_t>::max()
                   ? fmt::format("expected a whole number of {} or more, found '{}'", low, input)
                   : fmt::format("expected a whole number from {} to {}, found '{}'", low, high, input);
      },
      fmt::format("in [{} - {}]", low, high));
}

CLI::Validator shared_store() {
  return CLI::Validator(
      [](std::string& url) {
        if (url.empty()) return std::string("names no store; leave it out for the one beside the study file");
        if (url.starts_with("memory:"))
          return std::string(
                     "a store in memory is gone with its program and no other process sees it: give ") +
                 "sqlite:PATH";
        return std::string();
      },
      "");
}

int become_worker(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), run::find_program("hone-worker"));
  for (const auto& [name, value] : run::worker_environment()) ::setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::fflush(nullptr);
  ::execv(argv[0], argv.data());
  throw environment_error(fmt::format("cannot run {}", arguments[0]));
}

void flush_output() {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  if (errno == 0) {
    // An earlier flush failed, and its reason is gone: what is lost already is no worse for a further line.
    std::fputc('\n', stdout);
    std::fflush(stdout);
  }
  throw environment_error(fmt::format("standard output cannot be written{}",
                                      errno == 0 ? "" : fmt::format(": {}", std::strerror(errno))));
}

int guarded(const std::function<int()>& body) {
  // A file that may not grow is an error that can be told, like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    const int status = body();
    if (status != kOwnFault) flush_output();
    return status;
  } catch (const Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return error.fault() == Fault::input ? kInput : kOwnFault;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "error: out of memory\n");
    return kOwnFault;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s; this is a fault in hone, please report it\n", error.what());
    return kOwnFault;
  }
}

void need_other_output(const std::string& path, const Opened& opened, std::vector<std::string> read) {
  if (path.empty()) return;
  read.push_back(opened.file.path);
  const std::string url = opened.study->store().url();
  if (constexpr std::string_view kSqlite = "sqlite:"; url.starts_with(kSqlite))
    for (const char* part : {"", "-wal", "-shm"}) read.push_back(url.substr(kSqlite.size()) + part);
  need_other_file(path, read);
}

Opened open_study(const std::string& study_file, const std::string& store_url, study::Study::Depth depth) {
  const auto file = run::StudyFile::read(study_file);
  const std::string url = store_url.empty() ? file.default_store() : store_url;
  if (!study::store_exists(url))
    throw Error("this study has not begun", Place{study_file, 0, ""},
                "run: " + search_command(study_file, store_url));
  // What the trials were made with, not what the file says by now.
  Opened opened = run::open_study_of(study::open_store(url), depth, file.path);
  opened.file.budget = file.budget;
  return opened;
}

std::string search_command(const std::string& study_file, const std::string& store_url) {
  return "hone search " + shell_word(study_file) +
         (store_url.empty() ? "" : " --store " + shell_word(store_url));
}

std::size_t output_columns() {
  winsize size{};
  return ::isatty(STDOUT_FILENO) && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void print_json(const Json& json) {
  const std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
}

}  // namespace hone::cli
