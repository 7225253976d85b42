// Image files: IDX (Yann LeCun's format of MNIST: a magic number whose third byte is the type, 8 for bytes,
// and whose fourth is the number of dimensions; the dimensions; the bytes; all integers big-endian) and the
// binary files of CIFAR (a label, or a coarse and a fine one, and 3 x 32 x 32 bytes an image).
#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <zlib.h>

#include "hone/task/images.h"

namespace hone::task {
namespace {

namespace fs = std::filesystem;

/// A file's bytes from the front, unpacked where it is gzip'ed.
class Bytes {
 public:
  explicit Bytes(const std::string& path) : path_(path), file_(::gzopen(path.c_str(), "rb")) {
    if (file_ == nullptr) throw Error("the file cannot be read", Place{path, 0, ""});
    ::gzbuffer(file_, 1 << 18);
  }
  ~Bytes() { ::gzclose(file_); }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  [[noreturn]] void fail(std::uint64_t at, const std::string& what, const std::string& hint = {}) const {
    throw Error(fmt::format("byte {}: {}", at, what), Place{path_, 0, ""}, hint);
  }
  std::uint64_t at() const { return at_; }

  /// Up to n bytes; fewer only at the end.
  std::vector<std::uint8_t> some(std::uint64_t n) {
    std::vector<std::uint8_t> bytes;
    while (bytes.size() < n) {
      // A header may promise more than there is memory for: grow by what really comes.
      const auto want = static_cast<unsigned>(std::min<std::uint64_t>(n - bytes.size(), 1 << 22));
      const std::size_t had = bytes.size();
      bytes.resize(had + want);
      const int got = ::gzread(file_, bytes.data() + had, want);
      if (got < 0) {
        int code = 0;
        fail(at_, fmt::format("the file is damaged: {}", ::gzerror(file_, &code)));
      }
      bytes.resize(had + static_cast<std::size_t>(got));
      at_ += static_cast<std::uint64_t>(got);
      if (static_cast<unsigned>(got) < want) break;
    }
    return bytes;
  }
  std::vector<std::uint8_t> exactly(std::uint64_t n, const char* what) {
    const std::uint64_t begin = at_;
    auto bytes = some(n);
    if (bytes.size() < n)
      fail(at_, fmt::format("the file ends within {}, which go from byte {} to {}", what, begin, begin + n));
    return bytes;
  }
  std::uint32_t number(const char* what) {
    const auto b = exactly(4, what);
    return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
  }
  void end() {
    if (!some(1).empty()) fail(at_ - 1, "more bytes than the header says");
  }

 private:
  std::string path_;
  gzFile file_;
  std::uint64_t at_ = 0;
};

/// The dimensions of an IDX file of bytes.
std::vector<std::uint32_t> idx_header(Bytes& bytes, std::size_t least, std::size_t most) {
  const std::uint32_t magic = bytes.number("the magic number");
  const std::uint32_t dimensions = magic & 0xff;
  if (magic >> 8 != 8 || dimensions < least || dimensions > most)
    bytes.fail(0, fmt::format("the magic number is 0x{:08x}, that of {} would be 0x{:08x}", magic,
                              least == 1 ? "labels" : "images", 0x800 + least));
  std::vector<std::uint32_t> sizes;
  for (std::uint32_t i = 0; i < dimensions; ++i) sizes.push_back(bytes.number("the dimensions"));
  return sizes;
}

/// Images and labels of two IDX files; `shape` must be theirs where it is not empty.
LabelledImages read_idx(const std::string& images_path, const std::string& labels_path, graph::Shape& shape) {
  LabelledImages set;
  Bytes images(images_path);
  const auto sizes = idx_header(images, 3, 4);
  const std::uint64_t height = sizes[1], width = sizes[2], channels = sizes.size() > 3 ? sizes[3] : 1;
  if (height < 1 || width < 1 || channels < 1 || height > 4096 || width > 4096 || channels > 64)
    images.fail(8, fmt::format("images of {} x {} x {} are none", height, width, channels));
  const graph::Shape own{static_cast<std::int64_t>(channels), static_cast<std::int64_t>(height),
                         static_cast<std::int64_t>(width)};
  if (!shape.empty() && shape != own)
    images.fail(
        8, fmt::format("images of {}, but others of {}", graph::shape_text(own), graph::shape_text(shape)));
  shape = own;
  set.pixels = images.exactly(sizes[0] * height * width * channels, "the images");
  images.end();
  if (channels > 1) {
    // Channels last in the file, first in memory.
    std::vector<std::uint8_t> planes(set.pixels.size());
    const std::uint64_t plane = height * width;
    for (std::uint64_t i = 0; i < sizes[0]; ++i)
      for (std::uint64_t p = 0; p < plane; ++p)
        for (std::uint64_t c = 0; c < channels; ++c)
          planes[(i * channels + c) * plane + p] = set.pixels[(i * plane + p) * channels + c];
    set.pixels = std::move(planes);
  }
  Bytes labels(labels_path);
  const auto count = idx_header(labels, 1, 1);
  if (count[0] != sizes[0])
    labels.fail(4, fmt::format("{} labels, but {} images in {}", count[0], sizes[0], images_path));
  set.labels = labels.exactly(count[0], "the labels");
  labels.end();
  return set;
}

void read_cifar(const std::string& path, std::size_t label_bytes, LabelledImages& set) {
  constexpr std::size_t kImage = 3 * 32 * 32;
  Bytes bytes(path);
  for (;;) {
    const auto record = bytes.some(label_bytes + kImage);
    if (record.empty()) return;
    if (record.size() < label_bytes + kImage)
      bytes.fail(bytes.at(), fmt::format("the file ends within an image of {} bytes", label_bytes + kImage));
    if (record[label_bytes - 1] >= (label_bytes == 1 ? 10 : 100))
      bytes.fail(bytes.at() - record.size(), fmt::format("there is no class {}", record[label_bytes - 1]));
    set.labels.push_back(record[label_bytes - 1]);
    set.pixels.insert(set.pixels.end(), record.begin() + static_cast<std::ptrdiff_t>(label_bytes),
                      record.end());
  }
}

void append(const LabelledImages& from, LabelledImages& to) {
  to.pixels.insert(to.pixels.end(), from.pixels.begin(), from.pixels.end());
  to.labels.insert(to.labels.end(), from.labels.begin(), from.labels.end());
}

std::string labels_beside(const fs::path& images) {
  std::string name = images.filename().string();
  for (const auto& [from, to] :
       {std::pair("images", "labels"), std::pair("idx3", "idx1"), std::pair("idx4", "idx1")})
    if (const auto at = name.find(from); at != std::string::npos)
      name.replace(at, std::string(from).size(), to);
  for (const std::string& candidate :
       {name, name.ends_with(".gz") ? name.substr(0, name.size() - 3) : name + ".gz"})
    if (const fs::path path = images.parent_path() / candidate; fs::exists(path)) return path.string();
  throw Error(fmt::format("its labels are missing: there is no {} beside it", name),
              Place{images.string(), 0, ""}, "NAME-images-idx3-ubyte goes with NAME-labels-idx1-ubyte");
}

}  // namespace

ImageFiles read_images(const std::string& path, const Place& place) {
  if (!fs::exists(path))
    throw Error(fmt::format("there is no file or folder '{}'", path), place,
                "data = \"shapes\" needs none: the images are drawn");
  ImageFiles files;
  std::vector<fs::path> found;
  if (fs::is_directory(path)) {
    for (const auto& entry : fs::directory_iterator(path)) found.push_back(entry.path());
  } else {
    found.push_back(path);
  }
  std::sort(found.begin(), found.end());
  int idx = 0, cifar = 0;
  for (const fs::path& file : found) {
    std::string name = file.filename().string();
    if (name.ends_with(".gz")) name.resize(name.size() - 3);
    const bool alone = found.size() == 1 && !fs::is_directory(path);
    const bool test = !alone && (name.starts_with("t10k") || name.starts_with("test"));
    LabelledImages& into = test ? files.test : files.images;
    if (name.find("images") != std::string::npos && name.find("idx") != std::string::npos) {
      append(read_idx(file.string(), labels_beside(file), files.shape), into);
      ++idx;
    } else if (name.ends_with(".bin") && (name.starts_with("data_batch") || name.starts_with("test_batch"))) {
      read_cifar(file.string(), 1, into);
      ++cifar;
    } else if (name == "train.bin" || name == "test.bin") {
      read_cifar(file.string(), 2, into);
      ++cifar;
    }
  }
  if (idx + cifar == 0)
    throw Error(
        fmt::format("'{}' holds no images that hone reads", path), place,
        "IDX files (NAME-images-idx3-ubyte beside NAME-labels-idx1-ubyte, also .gz), or the binary files "
        "of CIFAR; data = \"shapes\" draws some");
  if (idx > 0 && cifar > 0) throw Error("IDX files and CIFAR's do not go together", place);
  if (cifar > 0) files.shape = {3, 32, 32};
  // A folder with a test part alone is all there is.
  if (files.images.labels.empty()) std::swap(files.images, files.test);
  files.about =
      idx > 0 ? fmt::format("{} IDX files of images", idx) : fmt::format("{} files of CIFAR", cifar);
  return files;
}

}  // namespace hone::task
