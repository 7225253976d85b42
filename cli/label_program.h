#pragma once

#include <string>
#include <vector>

namespace hone::cli {

/// Becomes hone-label, which is linked to the compiler: the one beside this program, else in PATH, with these
/// words. Throws Error (input) where there is none: `what` needs it.
[[noreturn]] void become_label(std::vector<std::string> words, const std::string& what);

}  // namespace hone::cli
