#include "hone/base/files.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "hone/base/error.h"

namespace hone {

std::string read_file(const std::string& path) {
  if (std::filesystem::is_directory(path)) throw Error("is a folder, not a file", Place{path, 0, ""});
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw Error(fmt::format("cannot be read: {}", std::strerror(errno)), Place{path, 0, ""});
  std::ostringstream content;
  if (!is_device(path)) {
    content << stream.rdbuf();
    if (stream.bad()) throw Error("cannot be read to its end", Place{path, 0, ""});
    return std::move(content).str();
  }
  // A pipe ends; /dev/zero does not.
  constexpr std::size_t kMost = std::size_t{1} << 30;
  std::string read;
  for (char part[65536]; stream.read(part, sizeof part), stream.gcount() > 0;) {
    read.append(part, static_cast<std::size_t>(stream.gcount()));
    if (read.size() > kMost) throw Error("is a device that gives more than 1 GiB", Place{path, 0, ""});
  }
  return read;
}

std::string write_target(const std::string& path) {
  std::error_code code;
  if (!std::filesystem::is_symlink(std::filesystem::symlink_status(path, code))) return path;
  const auto target = std::filesystem::weakly_canonical(path, code);
  return code ? path : target.string();
}

bool is_device(const std::string& path) {
  std::error_code code;
  const auto status = std::filesystem::status(path, code);
  return !code && std::filesystem::exists(status) && !std::filesystem::is_regular_file(status) &&
         !std::filesystem::is_directory(status);
}

void write_file_atomic(const std::string& given, std::string_view content) {
  if (is_device(given)) {  // a device, a pipe: nothing that could be put in its place
    errno = 0;
    std::ofstream stream(given, std::ios::binary);
    if (!(stream << content << std::flush))
      throw environment_error(fmt::format("{}: cannot be written{}", given,
                                          errno == 0 ? "" : fmt::format(": {}", std::strerror(errno))));
    return;
  }
  const std::string path = write_target(given);
  const std::string temporary = fmt::format("{}.{}.tmp", path, ::getpid());
  const auto fail = [&](const char* what) {
    const std::string reason = std::strerror(errno);
    ::unlink(temporary.c_str());
    throw environment_error(fmt::format("{}: cannot {}: {}", path, what, reason));
  };
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) fail("be created");
  std::size_t written = 0;
  while (written < content.size()) {
    const ssize_t n = ::write(file, content.data() + written, content.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int error = errno;
      ::close(file);
      errno = error;
      fail("be written");
    }
    written += static_cast<std::size_t>(n);
  }
  const bool synced = ::fsync(file) == 0;
  const int error = errno;
  ::close(file);
  errno = error;
  if (!synced) fail("be synced to disk");
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail("be renamed into place");
}

void need_writable(const std::string& path) {
  std::error_code code;
  if (std::filesystem::is_directory(path, code)) throw Error("is a folder, not a file", Place{path, 0, ""});
  // A device is opened, a file is put into its folder.
  const std::string folder = std::filesystem::path(write_target(path)).parent_path().string();
  const std::string written = is_device(path) ? path : (folder.empty() ? "." : folder) + "/";
  if (::access(written.c_str(), W_OK) != 0)
    throw Error(fmt::format("cannot be written: {}", std::strerror(errno)), Place{path, 0, ""});
}

void need_other_file(const std::string& path, const std::vector<std::string>& read) {
  std::error_code code;
  if (!std::filesystem::is_regular_file(path, code)) return;
  for (const std::string& one : read)
    if (std::filesystem::equivalent(path, one, code))
      throw Error("what is read would be overwritten by the result", Place{path, 0, ""},
                  "name another file for the result");
}

std::string program_on_path(const std::string& name, const std::string& folder) {
  const char* variable = std::getenv("PATH");
  const std::string folders = variable == nullptr ? "/usr/local/bin:/usr/bin:/bin" : variable;
  for (std::size_t at = 0; at <= folders.size();) {
    const std::size_t end = std::min(folders.find(':', at), folders.size());
    const auto path = std::filesystem::path(folder) / folders.substr(at, end - at) / name;
    std::error_code code;
    if (end > at && std::filesystem::is_regular_file(path, code) && ::access(path.c_str(), X_OK) == 0)
      return path.string();
    at = end + 1;
  }
  return {};
}

ScratchFolder::ScratchFolder(const std::string& name) {
  std::error_code code;
  std::string pattern = (std::filesystem::temp_directory_path(code) / (name + "-XXXXXX")).string();
  if (code)
    throw environment_error(fmt::format("there is no folder for temporary files: {}", code.message()),
                            "TMPDIR names it");
  if (::mkdtemp(pattern.data()) == nullptr)
    throw environment_error(fmt::format("cannot make a folder like {}: {}", pattern, std::strerror(errno)),
                            "TMPDIR names where temporary files go");
  path_ = pattern;
}

ScratchFolder::~ScratchFolder() {
  std::error_code code;
  std::filesystem::remove_all(path_, code);
}

}  // namespace hone
