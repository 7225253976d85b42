#include "output_file.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <unistd.h>

#include "hone/base/error.h"
#include "hone/base/files.h"

namespace hone::cli {

OutputFile::OutputFile(const std::string& path)
    : path_(is_device(path) ? path : write_target(path)),
      part_(is_device(path) ? path : fmt::format("{}.{}.part", path_, ::getpid())) {
  stream_ = std::fopen(part_.c_str(), "wb");
  if (stream_ == nullptr) fail();
}

OutputFile::~OutputFile() {
  if (stream_ == nullptr) return;
  std::fclose(stream_);
  if (part_ != path_) std::remove(part_.c_str());
}

void OutputFile::write(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stream_) != text.size()) fail();
}

void OutputFile::finish() {
  if (std::fflush(stream_) != 0 || (part_ != path_ && ::fsync(::fileno(stream_)) != 0)) fail();
  std::fclose(stream_);
  stream_ = nullptr;
  if (part_ != path_ && std::rename(part_.c_str(), path_.c_str()) != 0) fail();
}

void OutputFile::fail() const {
  throw environment_error(fmt::format("{}: cannot be written: {}", path_, std::strerror(errno)));
}

}  // namespace hone::cli
