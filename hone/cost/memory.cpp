#include "hone/cost/memory.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

namespace hone::cost {

namespace {

/// A field of a /proc file that is given in kB, in bytes. By plain calls into a fixed buffer: what measures
/// memory should not allocate.
std::uint64_t status_bytes(std::string_view field, const char* path = "/proc/self/status") {
  char text[8192];
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  std::size_t size = 0;
  for (ssize_t n; (n = ::read(file, text + size, sizeof text - 1 - size)) > 0;)
    size += static_cast<std::size_t>(n);
  ::close(file);
  text[size] = '\0';
  const std::string_view content(text, size);
  for (std::size_t line = 0; line < size;) {
    if (content.substr(line, field.size()) == field)
      return std::strtoull(text + line + field.size(), nullptr, 10) * 1024;
    const std::size_t end = content.find('\n', line);
    line = end == std::string_view::npos ? size : end + 1;
  }
  return 0;
}

/// Blocks from this size on are asked of the system one by one while LargeBlocksReturned lives.
[[maybe_unused]] constexpr int kLargeBlock = 256 << 10;

struct Scopes {
  std::mutex mutex;
  std::vector<PeakMemory*> living;
};

Scopes& scopes() {
  static Scopes all;
  return all;
}

}  // namespace

std::uint64_t resident_bytes() { return status_bytes("VmRSS:"); }

std::uint64_t available_bytes() { return status_bytes("MemAvailable:", "/proc/meminfo"); }

std::uint64_t peak_resident_bytes() { return status_bytes("VmHWM:"); }

bool reset_peak_resident() {
  Scopes& all = scopes();
  const std::lock_guard guard(all.mutex);
  const std::uint64_t peak = peak_resident_bytes();
  const int file = ::open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool done = ::write(file, "5", 1) == 1;
  ::close(file);
  if (!done) return false;
  for (PeakMemory* scope : all.living) {
    if (scope->was_reset_ || peak > scope->peak_at_start_) scope->seen_ = std::max(scope->seen_, peak);
    scope->was_reset_ = true;
  }
  return true;
}

PeakMemory::PeakMemory() {
  was_reset_ = reset_peak_resident();
  start_ = seen_ = resident_bytes();
  peak_at_start_ = peak_resident_bytes();
  const std::lock_guard guard(scopes().mutex);
  scopes().living.push_back(this);
}

PeakMemory::~PeakMemory() {
  const std::lock_guard guard(scopes().mutex);
  std::erase(scopes().living, this);
}

bool PeakMemory::exact() const {
  const std::lock_guard guard(scopes().mutex);
  return start_ > 0 && (was_reset_ || peak_resident_bytes() > peak_at_start_);
}

std::uint64_t PeakMemory::peak_bytes() const {
  const std::lock_guard guard(scopes().mutex);
  const std::uint64_t peak = peak_resident_bytes();
  const bool own = was_reset_ || peak > peak_at_start_;
  return std::max({seen_, resident_bytes(), own ? peak : 0});
}

std::uint64_t PeakMemory::growth_bytes() const { return std::max(peak_bytes(), start_) - start_; }

LargeBlocksReturned::LargeBlocksReturned() {
#if defined(__GLIBC__)
  ::malloc_trim(0);
  ::mallopt(M_MMAP_THRESHOLD, kLargeBlock);
  // Free room at the heap's end serves large blocks too: what is freed there goes back likewise.
  ::mallopt(M_TRIM_THRESHOLD, kLargeBlock);
  // Room between what an earlier trial left would stay resident once it was used. The largest first, since
  // each piece makes a page resident; until one is no longer found in the heap. Where the C library may not
  // ask the system for single blocks (M_MMAP_MAX, too many maps), the heap grows instead.
  std::size_t room = ::mallinfo2().fordblks;
  for (std::size_t size = std::size_t{256} * kLargeBlock; size >= kLargeBlock; size /= 4)
    while (size <= room) {
      const auto before = ::mallinfo2();
      void* block = std::malloc(size);
      const auto after = ::mallinfo2();
      const bool found = block != nullptr && after.hblks == before.hblks && after.arena <= before.arena;
      if (!found) {
        std::free(block);
        break;
      }
      taken_.push_back(block);
      room -= size;
    }
#endif
}

LargeBlocksReturned::~LargeBlocksReturned() {
#if defined(__GLIBC__)
  for (void* block : taken_) std::free(block);
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}

}  // namespace hone::cost
