#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

namespace hone::run {

/// Starts a program (fork and exec) that dies with this process (Linux parent-death signal) and does not see
/// the terminal's Ctrl-C (a process group of its own). Standard output and error go to `log` (appended), or
/// stay where they are where it is empty. Throws Error where the program cannot be started.
pid_t spawn(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& environment,
            const std::string& log);

/// The program of this name beside the running one, or in the folder of the variable HONE_PROGRAMS. Throws
/// Error (naming where it looked) where there is none.
std::string find_program(const std::string& name);

/// What the linear algebra libraries of a Torch worker need in their environment before they are loaded: one
/// thread each, and OPENBLAS_CORETYPE where this OpenBLAS does not know the CPU (it would fall back to SSE3
/// kernels, 2 to 5 times slower) and the user did not set it.
std::map<std::string, std::string> worker_environment();

/// Cores that this process may use.
int core_count();
std::vector<int> usable_cores();  ///< their numbers

/// GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them: those that the variable lists (up to
/// the first -1, as CUDA reads it), else all that NVIDIA's driver shows, by number.
std::vector<std::string> usable_gpus();

/// The last `lines` lines of a file from byte `from` on; "" where it cannot be read.
std::string file_tail(const std::string& path, int lines, std::uintmax_t from = 0);

}  // namespace hone::run
