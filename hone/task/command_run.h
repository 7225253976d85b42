#pragma once

#include <csignal>
#include <functional>
#include <optional>
#include <string_view>

#include "hone/task/command_keeper.h"

namespace hone::task {

/// What a run may take, and how it is asked to end.
struct RunRules {
  std::optional<double> time_s;        ///< wall time of the run
  std::optional<double> memory_bytes;  ///< resident, over the whole process tree
  double grace_s = 5.0;                ///< between the signal that asks it to end and SIGKILL
  int stop_signal = SIGTERM;           ///< for a run that will not go on
  int pause_signal = SIGTERM;          ///< for one that will: paused, or interrupted
};

/// Who hears what a program says and decides on it. Each may be empty; called from run_program's thread.
struct RunEars {
  enum class Wish { go_on, pause, stop };
  std::function<void(std::string_view)> output;  ///< bytes of standard output and error
  std::function<void(std::string_view)> apart;   ///< bytes of standard output, where it is apart
  std::function<void(std::string_view)> report;  ///< bytes on the report descriptor
  std::function<Wish()> wish;                    ///< what came of them; asked at every turn
  std::function<bool()> interrupted;             ///< likewise
};

struct RunEnd {
  enum class How {
    ended,  ///< by itself: see status
    over_time,
    over_memory,
    stopped,  ///< these three: asked for, and then it ended or was killed
    paused,
    interrupted,
    lost,  ///< somebody killed its keeper, and it with that
  };
  How how = How::ended;
  int status = 0;              ///< as waitpid gives it
  bool killed = false;         ///< by hone
  double seconds = 0.0;        ///< from start to the program's end
  double cpu_s = 0.0;          ///< of the whole tree
  double memory_bytes = 0.0;   ///< peak, of the whole tree: see run_program
  bool out_of_memory = false;  ///< the kernel killed something for lack of memory meanwhile
};

/// Runs a program to its end and cleans up after it: processes that it leaves behind get 0.2 s (the rest of
/// the grace, where it was asked to end) and are killed.
///
/// The peak of memory is the largest sum of resident sets that was seen, 40 times a second and more often in
/// the beginning, and no less than the largest process's own peak. What is over the limit is looked at again
/// with shared pages counted once, before it is killed.
///
/// Throws Error where the program cannot be started (input where only this program is at fault, else
/// environment), with nothing left behind.
RunEnd run_program(const Launch& launch, const RunRules& rules, const RunEars& ears);

}  // namespace hone::task
