#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hone {

/// A file that one process at a time appends to, and that forgets nothing of what was appended. Where another
/// process (or another instance) has it, it cannot be had until that has ended, however it ends. A device or
/// pipe is written as it is, by anyone. A file that was made here and is still empty at the end goes. Not
/// thread safe.
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
  std::uint64_t size() const;  ///< bytes; of what is no file 0

 private:
  /// False: another process has the file. One that went before it could be locked is made anew.
  bool open();
  bool still_there() const;
  [[noreturn]] void fail(int error) const;

  std::string path_;
  int file_ = -1;
  bool made_ = false;
};

}  // namespace hone
