#pragma once

#include <cstdint>
#include <vector>

#include "hone/cost/paired.h"
#include "hone/cost/stopwatch.h"
#include "hone/label/backend.h"

namespace hone::label {

/// Memory for a function's arguments, filled with random numbers: floating point in [0.1, 1.1), integers in
/// [1, 16], but for those that bound loops, which are as large as the buffers allow (Argument::extent); a
/// square matrix has its number of rows added along the diagonal, so that solvers and factorisations of it
/// exist. Buffers start at different places of their pages, so that none evicts another by accident.
class Memory {
 public:
  Memory(const std::vector<Argument>& arguments, std::uint64_t seed);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  void fill(std::uint64_t seed);
  void* const* pointers() const { return pointers_.data(); }
  std::size_t bytes() const { return bytes_; }
  /// The largest difference of corresponding elements, relative to the larger magnitude (0: bit for bit the
  /// same, but for the kind of a NaN; infinite where one is NaN or infinite and the other is not the same).
  double difference(const Memory& other) const;

 private:
  std::vector<Argument> arguments_;
  std::vector<void*> blocks_, pointers_;
  std::size_t bytes_ = 0;
};

/// Denormal numbers are zero in this thread while it lives.
class NoDenormals {
 public:
  NoDenormals();
  ~NoDenormals();
  NoDenormals(const NoDenormals&) = delete;
  NoDenormals& operator=(const NoDenormals&) = delete;

 private:
  [[maybe_unused]] unsigned before_ = 0;
};

struct RunOptions {
  int rounds = 2;
  int repeats = 4;
  double min_repeat_s = 1e-4;  ///< a repeat calls so often that it lasts so long at least
  double max_seconds = 0.25;
  bool quiet = true;       ///< take the machine's lock
  bool processor = false;  ///< seconds of a processor, in which other processes' slices do not count
};

/// What scalars that bound loops are given, for people: "argument 1 is 1500"; "" where there are none.
std::string extents_text(const std::vector<Argument>& arguments);

/// Throws Error at `file` where so many copies of the arguments' memory are more than this machine has.
void need_memory(const std::vector<Argument>& arguments, const std::string& file, int copies = 1);

/// How calls in a process of their own went.
struct TrialCall {
  std::string failed;  ///< "": it came back in time; otherwise why not
  bool late = false;   ///< it did not come back in time
  bool interrupted = false;
};

/// Calls the program in a process of its own, `calls` times in a row on the same memory; it is ended where a
/// call takes more than `limit_s`, or when interrupted. The memory here stays as it is.
TrialCall trial_call(const Program& program, const Memory& memory, double limit_s,
                     const cost::Interrupted& interrupted = {}, int calls = 1);

/// A call of what a user gave may take so long.
inline constexpr double kCallSeconds = 60.0;

/// Throws Error at `file` where the program, called in a process of its own, crashes or does not come back in
/// time, be it only on what its first two calls leave in memory: what a user gave may read and write outside
/// its buffers, and need not end. False: it was interrupted.
bool need_runnable(const Program& program, const Memory& memory, const std::string& file,
                   const cost::Interrupted& interrupted = {}, double limit_s = kCallSeconds);

/// Times a program on its memory; seconds are of one call. Denormal numbers count as zero meanwhile. The
/// values in memory change.
cost::Timing time_program(const Program& program, const Memory& memory, const RunOptions& options = {},
                          const cost::Interrupted& interrupted = {});

/// The same of several programs in turn, so that all see the same phases of the machine.
std::vector<cost::Timing> time_programs(const std::vector<const Program*>& programs,
                                        const std::vector<const Memory*>& memory,
                                        const RunOptions& options = {},
                                        const cost::Interrupted& interrupted = {});

/// Whether the second program is faster than the first, each on its memory: cost::compare_pairs, of as many
/// calls at a time as can be timed; seconds and ratio are of one call, of a processor's time. Denormal
/// numbers count as zero meanwhile. The values in memory change.
cost::Paired compare_programs(const Program& first, const Memory& first_memory, const Program& second,
                              const Memory& second_memory, const cost::PairedOptions& options = {},
                              const cost::Interrupted& interrupted = {});

}  // namespace hone::label
