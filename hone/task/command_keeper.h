#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace hone::task {

/// A program to be started, and with what.
struct Launch {
  std::string program;                   ///< path
  std::vector<std::string> arguments;    ///< argv, its name first
  std::vector<std::string> environment;  ///< all of it, as NAME=value
  std::string folder;                    ///< where it runs
  std::string input = {};                ///< what it reads on standard input
  std::vector<int> cores = {};           ///< cores that it may use; empty: any
  bool apart = false;                    ///< standard output on a pipe of its own, apart from standard error
};

/// Runs a program under a small process of its own, the keeper, which outlives this one if need be: when this
/// process ends, however it ends (SIGKILL too), or this object goes, the keeper kills the program and every
/// process that came of it, also those that left its process group, its session or their parents. On the way
/// it counts the processor time and memory of all of them.
///
/// The keeper is the tree's subreaper (Linux, prctl): a process whose parent ends becomes the keeper's child,
/// so that none is ever lost from sight. The program gets a process group of its own, default signal
/// dispositions, descriptors 0, 1, 2 and 3 (where it reports), and is the kernel's first choice to kill when
/// memory runs out. It dies with the keeper, should somebody kill that.
///
/// Not thread safe; must be made by a thread that lives as long as it.
class Keeper {
 public:
  enum class Kind : std::int32_t {
    started,     ///< value: the program's process id
    no_folder,   ///< value: errno
    no_program,  ///< value: errno
    ended,       ///< the program ended; value: its status, as waitpid gives it
    gone,        ///< nothing is left of it; cpu_s and max_rss_kb over the whole tree
  };
  struct News {
    Kind kind = Kind::gone;
    std::int32_t value = 0;
    double cpu_s = 0.0;
    std::int64_t max_rss_kb = 0;  ///< of the largest single process
  };

  /// Throws Error (environment) where no process can be made. Whether the program starts is told by news().
  explicit Keeper(const Launch& launch);
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  pid_t pid() const { return pid_; }  ///< the keeper's; the program is its descendant
  // Descriptors to wait on and read from, none of which blocks. -1: there is none.
  int news_fd() const { return control_; }
  int report_fd() const { return report_; }
  int output_fd() const { return output_; }  ///< standard output and error, or error alone
  int apart_fd() const { return apart_; }    ///< standard output, where it is apart

  /// The next news; nullopt: none yet, or (lost()) the keeper was killed.
  std::optional<News> news();
  /// What is left of the program's process group is killed then; who left the group lives on, beyond reach.
  bool lost() const { return lost_; }

  void signal(int number);  ///< to the program's process group
  void kill();              ///< everything, at once

 private:
  pid_t pid_ = -1;
  int control_ = -1, report_ = -1, output_ = -1, apart_ = -1;
  pid_t program_ = 0;  ///< 0: not known yet
  bool lost_ = false;
};

}  // namespace hone::task
