#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hone {

/// The whole content of a file. Throws Error (input) where it cannot be read, naming why.
std::string read_file(const std::string& path);

/// Where a path leads that may be a symbolic link: what must be replaced is the file, not the link.
std::string write_target(const std::string& path);
/// Whether it is there and is no file: a device, a pipe, a socket. Such a thing is written, never replaced.
bool is_device(const std::string& path);

/// Writes through a temporary file in the same folder, fsync and rename: afterwards the file holds either
/// the old or the new content, never a part. A device or pipe is written as it is. Throws Error (environment)
/// where that fails; the old file stays.
void write_file_atomic(const std::string& path, std::string_view content);

/// Throws Error (input) where write_file_atomic could not write there: told before the work whose result it
/// is to hold.
void need_writable(const std::string& path);
/// Throws Error (input) where that file is one of those that are read, however it is named: writing it would
/// lose what stands there. Devices, folders, and names of what is no file are never it.
void need_other_file(const std::string& path, const std::vector<std::string>& read);

/// The program of that name as execvp looks it up: the first executable file in the folders of PATH, of which
/// relative ones start at `folder` ("": where the process is). "": there is none.
std::string program_on_path(const std::string& name, const std::string& folder = {});

/// A folder of one's own among the temporary files, removed with it. Throws Error where none can be made.
class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& name);  ///< how its name begins: "hone-probe"
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace hone
