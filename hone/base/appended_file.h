#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hone {

/// A file that one process at a time appends to, and that forgets nothing of what was appended. Where another
/// process (or another instance) has it, it cannot be had until that has ended, however it ends. A device or
/// pipe is written as it is, by anyone. Not thread safe.
class AppendedFile {
 public:
  /// Opens the file, made where it is missing. Throws Error (environment) where it cannot be written, and
  /// Error (input) with `taken` and `hint` where another one has it.
  AppendedFile(std::string path, const std::string& taken, const std::string& hint);
  ~AppendedFile();
  AppendedFile(const AppendedFile&) = delete;
  AppendedFile& operator=(const AppendedFile&) = delete;

  /// Appends the text; it is on the disk when this returns. Where that fails, of a file all of it is taken
  /// off again: throws Error (environment).
  void append(std::string_view text);
  /// Takes off what is behind so many bytes. Throws Error (environment).
  void cut(std::uint64_t bytes);

  const std::string& path() const { return path_; }

 private:
  [[noreturn]] void fail(int error) const;

  std::string path_;
  int file_ = -1;
};

}  // namespace hone
