#include "hone/task/text_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <unordered_map>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hone/base/key.h"
#include "hone/task/utf8.h"

namespace hone::task {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFiles = 100000;

/// Why a file is no text, and what to do about it.
struct Refusal {
  std::string reason;
  std::string hint;
};

struct Content {
  std::string text;
  bool cut = false;  ///< the file goes on after max_bytes
  Refusal refusal;   ///< a reason: not to be used
};

/// Drops the byte order mark and turns CR LF into LF, in place.
void clean(std::string& text) {
  std::size_t from = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  if (from == 0 && text.find("\r\n") == std::string::npos) return;
  std::size_t to = 0;
  for (; from < text.size(); ++from) {
    if (text[from] == '\r' && from + 1 < text.size() && text[from + 1] == '\n') continue;
    text[to++] = text[from];
  }
  text.resize(to);
}

/// Reads at most max_bytes of a file and says what keeps it from being text, with the byte's offset in the
/// file. Stops at the first piece that shows it to be binary.
Content read_content(const std::string& path, std::uint64_t max_bytes) {
  Content content;
  const auto unreadable = [&](int error) {
    content.refusal = {fmt::format("cannot be read: {}", std::strerror(error)),
                       "give a file that you may read"};
    return content;
  };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return unreadable(errno);
  std::string& text = content.text;
  struct stat status {};
  if (::fstat(file, &status) == 0 && status.st_size > 0)
    text.reserve(std::min<std::uint64_t>(static_cast<std::uint64_t>(status.st_size), max_bytes) + 1);
  std::size_t nul = std::string::npos;
  int error = 0;
  for (std::size_t piece = 1 << 16; nul == std::string::npos; piece = 1 << 20) {
    // One byte more than wanted tells whether the file goes on.
    const std::uint64_t left = max_bytes + 1 - text.size();
    if (left == 0) break;
    const std::size_t before = text.size();
    text.resize(before + std::min<std::uint64_t>(piece, left));
    const ssize_t n = ::read(file, text.data() + before, text.size() - before);
    if (n < 0) error = errno;
    text.resize(before + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n < 0 && error == EINTR) continue;
    if (n <= 0) break;
    error = 0;
    const std::size_t found = std::string_view(text).substr(before).find('\0');
    if (found != std::string::npos) nul = before + found;
  }
  ::close(file);
  if (error != 0 && error != EINTR) return unreadable(error);
  if (nul != std::string::npos) {
    content.refusal = {fmt::format("looks binary: byte 0 at offset {}", nul), "give plain text as UTF-8"};
    return content;
  }
  if (text.size() > max_bytes) {
    content.cut = true;
    text.resize(max_bytes);
  }
  if (const std::size_t at = invalid_utf8(text); at != kValidUtf8) {
    // What the limit cut in two is no fault of the file's.
    if (!content.cut || text.size() - at > 3) {
      content.refusal = {fmt::format("is not UTF-8 at offset {}", at),
                         "convert it, e.g. iconv -f latin1 -t utf-8"};
      return content;
    }
    text.resize(at);
  }
  clean(text);
  if (text.find_first_not_of(" \t\r\n\v\f") == std::string::npos)
    content.refusal = {text.empty() ? "is empty" : "holds nothing but blanks", "give a file with text in it"};
  return content;
}

/// The files below a folder. Entries that are no symbolic links come first, so that a file is known by its
/// own name; then the links in the order of their names, each new target once.
class Walk {
 public:
  Walk(const fs::path& root, TextFiles& result, const Place& place) : result_(result), place_(place) {
    std::error_code error;
    folders_.insert(fs::canonical(root, error));
    descend(root, "", true);
    while (!links_.empty()) {
      const auto [name, path] = *links_.begin();
      links_.erase(links_.begin());
      follow(name, path);
    }
  }

  const std::map<std::string, fs::path>& files() const { return files_; }

 private:
  void descend(const fs::path& folder, const std::string& name, bool is_root) {
    std::error_code error;
    fs::directory_iterator entries(folder, error);
    if (error) {
      if (is_root)
        throw Error(fmt::format("'{}' cannot be read: {}", folder.string(), error.message()), place_,
                    "give a folder that you may read");
      result_.skipped.emplace_back(name, "cannot be read: " + error.message());
      return;
    }
    for (; entries != fs::directory_iterator(); entries.increment(error)) {
      if (error) break;
      const std::string own = entries->path().filename().string();
      if (own.starts_with('.')) continue;
      const std::string full = name.empty() ? own : name + "/" + own;
      std::error_code ignored;
      const fs::file_status status = entries->symlink_status(ignored);
      if (fs::is_symlink(status)) {
        links_.emplace(full, entries->path());
      } else {
        enter(full, entries->path(), status);
      }
    }
  }

  void enter(const std::string& name, const fs::path& path, const fs::file_status& status) {
    std::error_code error;
    const fs::path target = fs::canonical(path, error);
    if (error) {
      result_.skipped.emplace_back(name, "cannot be read: " + error.message());
    } else if (fs::is_directory(status)) {
      if (folders_.insert(target).second) descend(path, name, false);
    } else if (!fs::is_regular_file(status)) {
      result_.skipped.emplace_back(name, "is no regular file");
    } else if (targets_.insert(target).second) {
      files_.emplace(name, path);
      if (files_.size() > kMaxFiles)
        throw Error(fmt::format("the folder holds more than {} files", kMaxFiles), place_,
                    "name the folder that holds the text itself");
    }
  }

  void follow(const std::string& name, const fs::path& path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status)) {
      result_.skipped.emplace_back(name, "is a link to nothing");
      return;
    }
    enter(name, path, status);
  }

  TextFiles& result_;
  const Place& place_;
  std::map<std::string, fs::path> files_, links_;
  std::set<fs::path> targets_, folders_;
};

void read_folder(const std::string& path, std::uint64_t max_bytes, const Place& place, TextFiles& result) {
  result.folder = true;
  const Walk walk(path, result, place);
  std::unordered_map<Key, std::string> known;
  for (const auto& [name, file] : walk.files()) {
    const std::uint64_t left = max_bytes - std::min(result.bytes, max_bytes);
    if (left == 0) {
      result.skipped.emplace_back(name, "comes after the limit on bytes");
      continue;
    }
    Content content = read_content(file.string(), left);
    if (!content.refusal.reason.empty()) {
      result.skipped.emplace_back(name, content.refusal.reason);
      continue;
    }
    if (content.cut) result.cut.emplace_back(name, fmt::format("only its first {} bytes were read", left));
    const auto [same, is_new] = known.emplace(hash_key(content.text), name);
    if (!is_new) {
      result.duplicates.emplace_back(name, same->second);
      continue;
    }
    result.bytes += content.text.size();
    content.text.shrink_to_fit();
    result.files.push_back({name, std::move(content.text)});
  }
  std::sort(result.skipped.begin(), result.skipped.end());
  if (!result.files.empty()) return;
  std::string found = "it is empty";
  if (!result.skipped.empty())
    found = fmt::format("{} skipped, the first: {} {}", result.skipped.size(), result.skipped.front().first,
                        result.skipped.front().second);
  throw Error(fmt::format("folder '{}' holds no text: {}", path, found), place,
              "give a file or a folder of plain text as UTF-8");
}

}  // namespace

TextFiles read_text_files(const std::string& path, std::uint64_t max_bytes, const Place& place) {
  TextFiles result;
  max_bytes = std::min(max_bytes, std::uint64_t{1} << 40);  // room to count one byte beyond
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found)
    throw Error(fmt::format("'{}' does not exist", path), place,
                "give the path of a text file or of a folder of text files");
  if (error)
    throw Error(fmt::format("'{}' cannot be read: {}", path, error.message()), place,
                "give a path that you may read");
  if (fs::is_directory(status)) {
    read_folder(path, max_bytes, place, result);
    return result;
  }
  if (!fs::is_regular_file(status))
    throw Error(fmt::format("'{}' is neither a file nor a folder", path), place,
                "give the path of a text file or of a folder of text files");
  Content content = read_content(path, max_bytes);
  if (!content.refusal.reason.empty())
    throw Error(fmt::format("'{}' {}", path, content.refusal.reason), place, content.refusal.hint);
  if (content.cut) result.cut.emplace_back(path, fmt::format("only its first {} bytes were read", max_bytes));
  result.bytes = content.text.size();
  result.files.push_back({path, std::move(content.text)});
  return result;
}

}  // namespace hone::task
