#pragma once

#include <string>
#include <string_view>

namespace hone {

/// The whole content of a file. Throws Error (input) where it cannot be read, naming why.
std::string read_file(const std::string& path);

/// Writes through a temporary file in the same folder, fsync and rename: afterwards the file holds either
/// the old or the new content, never a part. Throws Error (environment) where that fails; the old file stays.
void write_file_atomic(const std::string& path, std::string_view content);

}  // namespace hone
