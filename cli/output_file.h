#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace hone::cli {

/// A file that appears whole or not at all; a device is written to as it is. Throws Error (environment) where
/// it cannot be written. Not thread safe.
class OutputFile {
 public:
  explicit OutputFile(const std::string& path);
  ~OutputFile();  ///< what is not finished is removed
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  void write(std::string_view text);
  void finish();

 private:
  void fail() const;

  std::string path_, part_;
  std::FILE* stream_ = nullptr;
};

}  // namespace hone::cli
