#pragma once

#include <array>
#include <string>
#include <vector>

#include "hone/base/json.h"
#include "hone/cost/mlir/target.h"
#include "hone/cost/simulator/trace.h"

namespace hone::cost::simulator {

/// How a core guesses conditional jumps, and what it loads before it is asked to.
enum class Predictor { perfect, bimodal, gshare };
enum class Prefetcher { none, next_line, stride };

/// An out-of-order core with its caches, which need not exist. Every number is a whole one but the clock,
/// sizes, bandwidths and nanoseconds; core_keys() lists all with their ranges. The default is `middle`.
struct Core {
  struct Units {
    double count = 1.0;
    double latency = 1.0;   ///< cycles until the result is there
    double interval = 1.0;  ///< cycles before the unit takes the next one; 1: pipelined
    bool operator==(const Units&) const = default;
  };
  struct Cache {
    double bytes = 32768.0;  ///< 0: there is none
    double ways = 8.0;
    double latency = 4.0;           ///< cycles from asking to the value, a hit here
    double misses = 16.0;           ///< lines that may be on their way to it at once
    double bytes_per_cycle = 64.0;  ///< that it hands to the level before it
    bool operator==(const Cache&) const = default;
  };
  std::string name = "middle";
  double clock_ghz = 3.0;
  double fetch_width = 4.0;   ///< instructions a cycle that enter, up to a taken jump
  double issue_width = 6.0;   ///< instructions a cycle that begin
  double retire_width = 4.0;  ///< instructions a cycle that leave, in order
  double reorder_buffer = 224.0, scheduler = 96.0, load_queue = 72.0, store_queue = 56.0;  ///< entries
  double vector_bytes = 32.0;       ///< of its registers, for which loops are put into lanes
  double mispredict_cycles = 14.0;  ///< from a wrongly guessed jump's end until what follows enters
  double predictor = 2.0;           ///< a Predictor
  double predictor_entries = 4096.0;
  double history_bits = 10.0;   ///< gshare: of the latest jumps that are looked at
  double forward_cycles = 5.0;  ///< from a store to a load of what it has not written yet
  std::array<Units, kKinds> units = {{{3.0, 1.0, 1.0},    // integer
                                      {1.0, 3.0, 1.0},    // multiply
                                      {1.0, 18.0, 10.0},  // divide
                                      {2.0, 4.0, 1.0},    // fp_add
                                      {2.0, 4.0, 1.0},    // fp_multiply
                                      {1.0, 13.0, 5.0},   // fp_divide
                                      {2.0, 1.0, 1.0},    // vector
                                      {2.0, 1.0, 1.0},    // load: the caches add their latency
                                      {1.0, 1.0, 1.0},    // store
                                      {1.0, 1.0, 1.0}}};  // branch
  std::array<Cache, 3> caches = {{{32768.0, 8.0, 4.0, 12.0, 64.0},
                                  {524288.0, 8.0, 13.0, 32.0, 64.0},
                                  {8388608.0, 16.0, 40.0, 48.0, 32.0}}};
  double line_bytes = 64.0;
  double memory_latency_ns = 80.0;
  double memory_gb_per_s = 20.0;  ///< both ways together, 10^9 bytes
  double prefetcher = 2.0;        ///< a Prefetcher; lines go to the second cache
  double prefetch_lines = 4.0;    ///< ahead

  double hz() const { return clock_ghz * 1e9; }
  double memory_cycles() const { return memory_latency_ns * clock_ghz; }
  double memory_bytes_per_cycle() const { return memory_gb_per_s / clock_ghz; }
  int levels() const { return caches[2].bytes > 0.0 ? 3 : 2; }
  /// What a compiler that compiles for this core is told: no masks of lanes, 16 registers.
  mlir::CodeTarget code_target() const;
  bool operator==(const Core&) const = default;
};

/// One number of a core's description, as its file names it.
struct CoreKey {
  std::string name;              ///< "cache.l1.bytes"
  std::string unit;              ///< "cycles"; "" of plain numbers
  double low = 0.0, high = 0.0;  ///< its range
  bool whole = true;
  std::vector<std::string> choices;  ///< of a choice: its number is the place in this list
  double& (*of)(Core& core);
  double get(const Core& core) const;  ///< a copy's
};
/// All, in the order of docs/simulator.md.
const std::vector<CoreKey>& core_keys();

/// "little", "middle", "big": plausible cores of today, of no maker's. Throws Error with what there is.
Core named_core(const std::string& name);
std::vector<std::string> core_names();

/// Reads a core's description, TOML: keys as core_keys() has them, in tables by their dots, `name`, and
/// `base`, a built-in core's name, whose numbers stand for those that are not given (default: middle). Sizes
/// may be texts ("32 KiB"). Throws Error with file, line and key where anything is unknown, out of its range,
/// or does not fit together (a cache of no whole number of sets, levels that shrink).
Core read_core(const std::string& path);
Core parse_core(const std::string& text, const std::string& file);
/// A built-in core by name, else a file: what ends in .toml or holds a slash is one. Throws Error.
Core core_of(const std::string& name_or_file);
/// Sets one key from a command line's text. Throws Error with the key and what it takes.
void set_core_key(Core& core, const std::string& key, const std::string& value);
/// Throws Error (at `place`'s file) where numbers do not fit together.
void check_core(const Core& core, const std::string& file = {});

/// {"name", "clock_ghz", "cache": {"l1": {"bytes", ..}}, ..}: the same keys and values as a file's.
Json core_json(const Core& core);

}  // namespace hone::cost::simulator
