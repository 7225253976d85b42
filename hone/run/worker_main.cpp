#include "hone/run/worker_main.h"

#include <cstdio>
#include <exception>
#include <new>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "hone/base/error.h"
#include "hone/run/probing.h"
#include "hone/run/worker_arguments.h"
#include "hone/task/program_description.h"

namespace hone::run {
namespace {

constexpr int kOwnFault = 1;
constexpr int kInput = 2;

/// Answers go where standard output went; what the user's code prints there meanwhile goes to standard error.
class AnswerStream {
 public:
  AnswerStream() : answer_(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)) {
    std::fflush(stdout);
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
  }
  ~AnswerStream() {
    if (answer_ >= 0) ::close(answer_);
  }
  AnswerStream(const AnswerStream&) = delete;
  AnswerStream& operator=(const AnswerStream&) = delete;

  void write(const Json& json) const {
    const std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
    for (std::size_t done = 0; done < text.size();) {
      const ssize_t n = ::write(answer_, text.data() + done, text.size() - done);
      if (n <= 0) return;  // nobody listens any more
      done += static_cast<std::size_t>(n);
    }
  }

 private:
  int answer_;
};

/// Runs `body` and answers with what it gives, or with what is wrong.
template <typename Body>
int answer(Body body) {
  const AnswerStream stream;
  const auto wrong = [&](const Error& error) {
    stream.write({{"hone", HONE_VERSION}, {"error", task::error_to_json(error)}});
    return error.fault() == Fault::input ? kInput : kOwnFault;
  };
  try {
    stream.write(body());
    return 0;
  } catch (const Error& error) {
    return wrong(error);
  } catch (const std::exception& error) {
    return wrong(environment_error(error.what()));
  } catch (...) {
    return wrong(environment_error("an exception that is no std::exception"));
  }
}

std::string usage(const std::string& program) {
  std::vector<std::string> names;
  for (const auto& own : task::own_tasks()) names.push_back(own.name);
  std::string flags;
  for (const auto& flag : worker_flags()) flags += fmt::format("    {:<10} {}\n", flag.name, flag.summary);
  return fmt::format(
      "{0} evaluates trials of hone's studies. Its tasks: {1}\n\n"
      "A study file names it:\n  [task]\n  kind = \"program\"\n  program = \"{0}\"\n"
      "and hone search FILE starts it.\n\ncommands:\n"
      "  describe                        print its tasks as JSON\n"
      "  describe NAME OPTIONS FOLDER    one of them with these options\n"
      "  check FILE                      check a study file with the task at hand\n"
      "  probe FILE CONFIGS OUTPUT       what the configs of a file compute\n"
      "  worker                          work on a study's trials\n{2}",
      program, fmt::join(names, ", "), flags);
}

int obey(const std::string& program, const std::vector<std::string>& words) {
  const std::string command = words.empty() ? "" : words.front();
  if (command == "describe" && words.size() == 1)
    return answer([&]() -> Json { return task::describe_own_tasks(); });
  if (command == "describe" && words.size() == 4)
    return answer([&]() -> Json {
      return task::describe_own_task(words[1], parse_json(words[2], "OPTIONS"), words[3]);
    });
  if (command == "check" && words.size() == 2)
    return answer([&]() -> Json {
      return {{"hone", HONE_VERSION}, {"about", StudyFile::read(words[1]).task->prepare()}};
    });
  if (command == "probe" && words.size() == 4) {
    serve_probes(words[1], words[2], words[3]);
    return 0;
  }
  if (command == "worker") return work_as_told(read_worker_arguments({words.begin() + 1, words.end()}));
  const bool asked = command == "--help" || command == "-h" || command == "help";
  std::fputs(usage(program).c_str(), asked ? stdout : stderr);
  return asked ? 0 : kInput;
}

}  // namespace

int worker_main(int argc, char** argv, std::vector<task::OwnTask> tasks) {
  try {
    task::serve_own_tasks(std::move(tasks));
    return obey(argc > 0 ? argv[0] : "", std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
  } catch (const Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return error.fault() == Fault::input ? kInput : kOwnFault;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "error: out of memory\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
  } catch (...) {
    std::fprintf(stderr, "error: an exception that is no std::exception\n");
  }
  return kOwnFault;
}

std::string worker_program(const StudyFile& file) {
  if (const std::string own = file.task->program(); !own.empty()) return own;
  // Tasks whose evaluator is part of libhone need no Torch, and no half second to load it.
  return methods().find("evaluator", file.task_kind) != nullptr ? "hone" : "hone-worker";
}

std::string prepare_task(const StudyFile& file) {
  const std::string program = file.task->program();
  if (program.empty() || !task::own_tasks().empty()) return file.task->prepare();
  const Place place = file.task_options.place("program");
  try {
    const Json answer = task::ask_program(program, {"check", file.path}, place);
    return answer.value("about", "");
  } catch (const Error& error) {
    // The program was told the absolute path; the user wrote another.
    Place at = error.place();
    if (at.file == file.path) at.file = place.file;
    throw Error(error.message(), at, error.hint(), error.fault());
  }
}

}  // namespace hone::run
