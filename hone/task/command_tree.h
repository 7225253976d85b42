#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

namespace hone::task {

/// Memory of a process and all its descendants, as /proc tells it. Processes that end meanwhile are left out.
struct TreeMemory {
  int processes = 0;          ///< without the root
  double resident_bytes = 0;  ///< sum over the descendants; what they share counts in each
  double largest_bytes = 0;   ///< the highest peak of a single one
};

/// Of the descendants of `root`, itself left out.
TreeMemory tree_memory(pid_t root);

/// The same, with what processes share counted once (the kernel's proportional set size). Slower: it walks
/// page tables. Where the kernel does not tell, the plain sum.
double tree_proportional_bytes(pid_t root);

/// How often the kernel has killed a process for lack of memory: of this process's own control group where
/// that is told (version 2 or 1), else of the whole machine; -1: unknown. `root` stands before /proc and
/// /sys.
std::int64_t kernel_memory_kills(const std::string& root = "");

}  // namespace hone::task
