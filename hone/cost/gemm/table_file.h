#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hone::cost {

/// A table's file that one measurement has for itself: while it lives no other one opens the file, on any
/// process of this machine (flock). Reading it stays free.
class GemmTableFile {
 public:
  /// Opens it, or makes it empty. Throws Error on what is no regular file, what cannot be written, and a file
  /// that another measurement has.
  explicit GemmTableFile(const std::string& path);
  /// A file that was made here and is still empty goes.
  ~GemmTableFile();
  GemmTableFile(const GemmTableFile&) = delete;
  GemmTableFile& operator=(const GemmTableFile&) = delete;

  std::size_t size() const;  ///< bytes
  /// Leaves only its first bytes. Throws Error (environment) where that fails.
  void cut(std::size_t size) const;
  /// All of the text at the end, or none of it and Error (environment) that says why.
  void append(std::string_view text) const;

 private:
  bool open();
  bool still_there() const;

  std::string path_;
  int file_ = -1;
  bool made_ = false;
};

}  // namespace hone::cost
