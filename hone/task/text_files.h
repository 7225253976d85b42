#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "hone/base/error.h"

namespace hone::task {

/// One text: well-formed UTF-8, no NUL, line ends as LF, no byte order mark, never blank.
struct TextFile {
  std::string name;  ///< relative to the folder; the path itself where that is a file
  std::string text;
};

/// What lies below a path, with an account of what was left out and why.
struct TextFiles {
  using Named = std::vector<std::pair<std::string, std::string>>;

  std::vector<TextFile> files;  ///< by name, whatever order the folder lists them in
  bool folder = false;
  std::uint64_t bytes = 0;  ///< read into `files`
  Named duplicates;         ///< (file, the file with the same content)
  Named skipped;            ///< (file, reason)
  Named cut;                ///< (file, reason): read only in part
};

/// Reads one file, or every regular file below a folder: hidden files and folders are left out, symbolic
/// links are resolved and their targets read once, files equal in content after the cleaning above are read
/// once, and reading stops after max_bytes in all. In a folder, what is not text is skipped and listed; a
/// single file that is not text is an error. Throws Error at `place` where the path is missing or
/// unreadable, or holds no text.
TextFiles read_text_files(const std::string& path, std::uint64_t max_bytes, const Place& place);

}  // namespace hone::task
