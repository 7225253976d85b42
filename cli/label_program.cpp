#include "label_program.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>
#include <unistd.h>

#include "hone/base/error.h"
#include "hone/base/files.h"

namespace hone::cli {
namespace {

std::string find_label(const std::string& what) {
  std::error_code code;
  const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe", code);
  if (!code) {
    const std::string beside = (own.parent_path() / "hone-label").string();
    if (::access(beside.c_str(), X_OK) == 0) return beside;
  }
  const std::string found = program_on_path("hone-label");
  if (found.empty())
    throw Error(what + " needs the program hone-label, which is not built here", {},
                "./dev build --all builds it (it needs MLIR 19: mlir-19-tools, libmlir-19-dev, llvm-19-dev)");
  return found;
}

}  // namespace

void become_label(std::vector<std::string> words, const std::string& what) {
  const std::string program = find_label(what);
  words.insert(words.begin(), program);
  std::vector<char*> list;
  for (auto& word : words) list.push_back(word.data());
  list.push_back(nullptr);
  std::fflush(nullptr);
  ::execv(program.c_str(), list.data());
  throw environment_error(fmt::format("cannot start {}: {}", program, std::strerror(errno)));
}

}  // namespace hone::cli
