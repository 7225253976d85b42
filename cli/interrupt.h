#pragma once

#include <csignal>

namespace hone::cli {

/// Set by on_interrupt, the handler of the signals that end a program in its own time.
inline volatile std::sig_atomic_t g_interrupted = 0;
inline void on_interrupt(int) { g_interrupted = 1; }

}  // namespace hone::cli
