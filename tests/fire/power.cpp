#include "power.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <vector>

#include <sqlite3.h>

namespace hone::test {
namespace {

constexpr std::size_t kSector = 512;

struct Write {
  std::size_t offset = 0;
  std::string bytes;
  bool truncation = false;  // to `offset`
};

/// One file, as the disk has it and what is on its way there.
struct Shadow {
  std::string durable;
  bool exists = false;  // on the disk
  bool deleted = false;
  std::vector<Write> pending;
};

struct Machine {
  std::recursive_mutex mutex;
  std::map<std::string, Shadow> files;
  std::function<void()> moment;
  std::int64_t every = 1, operations = 0;
  bool watching = false;
  sqlite3_vfs vfs{};
  sqlite3_vfs* below = nullptr;
} machine;

void apply(std::string& content, const Write& write) {
  if (write.truncation) {
    content.resize(write.offset);
    return;
  }
  if (content.size() < write.offset + write.bytes.size()) content.resize(write.offset + write.bytes.size());
  std::memcpy(content.data() + write.offset, write.bytes.data(), write.bytes.size());
}

void happens() {
  ++machine.operations;
  if (!machine.moment || machine.watching || machine.operations % machine.every != 0) return;
  machine.watching = true;
  machine.moment();
  machine.watching = false;
}

struct File {
  sqlite3_file base;
  std::string* path;   // null: a temporary file, not kept in mind
  sqlite3_file* real;  // behind this struct
};

File* of(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
sqlite3_file* real(sqlite3_file* file) { return of(file)->real; }

int close_file(sqlite3_file* file) {
  const int code = real(file)->pMethods->xClose(real(file));
  delete of(file)->path;
  return code;
}
int read_file(sqlite3_file* file, void* to, int n, sqlite3_int64 at) {
  return real(file)->pMethods->xRead(real(file), to, n, at);
}
int write_file(sqlite3_file* file, const void* from, int n, sqlite3_int64 at) {
  const std::lock_guard lock(machine.mutex);
  happens();
  if (of(file)->path != nullptr)
    machine.files[*of(file)->path].pending.push_back(
        {static_cast<std::size_t>(at),
         std::string(static_cast<const char*>(from), static_cast<std::size_t>(n)), false});
  return real(file)->pMethods->xWrite(real(file), from, n, at);
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  const std::lock_guard lock(machine.mutex);
  happens();
  if (of(file)->path != nullptr)
    machine.files[*of(file)->path].pending.push_back({static_cast<std::size_t>(size), "", true});
  return real(file)->pMethods->xTruncate(real(file), size);
}
int sync_file(sqlite3_file* file, int) {
  const std::lock_guard lock(machine.mutex);
  happens();
  if (of(file)->path == nullptr) return SQLITE_OK;
  Shadow& shadow = machine.files[*of(file)->path];
  for (const Write& write : shadow.pending) apply(shadow.durable, write);
  shadow.pending.clear();
  shadow.exists = true;
  return SQLITE_OK;
}
int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return real(file)->pMethods->xFileSize(real(file), size);
}
int lock_file(sqlite3_file* file, int how) { return real(file)->pMethods->xLock(real(file), how); }
int unlock_file(sqlite3_file* file, int how) { return real(file)->pMethods->xUnlock(real(file), how); }
int check_lock(sqlite3_file* file, int* out) {
  return real(file)->pMethods->xCheckReservedLock(real(file), out);
}
int control(sqlite3_file* file, int op, void* argument) {
  return real(file)->pMethods->xFileControl(real(file), op, argument);
}
int sector_size(sqlite3_file* file) { return real(file)->pMethods->xSectorSize(real(file)); }
int characteristics(sqlite3_file*) { return 0; }  // a disk that promises nothing: pages may be torn
int shm_map(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
  return real(file)->pMethods->xShmMap(real(file), page, size, extend, out);
}
int shm_lock(sqlite3_file* file, int offset, int n, int flags) {
  return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}
void shm_barrier(sqlite3_file* file) { real(file)->pMethods->xShmBarrier(real(file)); }
int shm_unmap(sqlite3_file* file, int remove) { return real(file)->pMethods->xShmUnmap(real(file), remove); }

const sqlite3_io_methods kMethods = {2,           close_file,  read_file,       write_file,  truncate_file,
                                     sync_file,   file_size,   lock_file,       unlock_file, check_lock,
                                     control,     sector_size, characteristics, shm_map,     shm_lock,
                                     shm_barrier, shm_unmap,   nullptr,         nullptr};

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
  File* mine = of(file);
  mine->base.pMethods = nullptr;
  mine->real = reinterpret_cast<sqlite3_file*>(mine + 1);
  mine->path = nullptr;
  const int code = machine.below->xOpen(machine.below, name, mine->real, flags, out);
  if (code != SQLITE_OK) return code;
  mine->base.pMethods = &kMethods;
  if (name == nullptr) return code;
  mine->path = new std::string(name);
  const std::lock_guard lock(machine.mutex);
  if (machine.files.count(name) == 0) {
    // What lies there from before is on the disk.
    std::ifstream stream(name, std::ios::binary);
    Shadow shadow;
    shadow.durable.assign(std::istreambuf_iterator<char>(stream), {});
    shadow.exists = !shadow.durable.empty();
    machine.files[name] = std::move(shadow);
  }
  Shadow& shadow = machine.files[name];
  if (shadow.deleted) {  // a new file under an old name: the old one's bytes are gone at last
    shadow.deleted = false;
    shadow.pending.push_back({0, "", true});
  }
  return code;
}

int delete_file(sqlite3_vfs*, const char* name, int sync_folder) {
  const std::lock_guard lock(machine.mutex);
  happens();
  const auto found = machine.files.find(name);
  if (found != machine.files.end()) {
    found->second.deleted = true;
    if (sync_folder != 0) found->second = {"", false, true, {}};
  }
  return machine.below->xDelete(machine.below, name, sync_folder);
}

}  // namespace

PowerMachine::PowerMachine() {
  machine.below = sqlite3_vfs_find("unix");
  machine.vfs = *machine.below;
  machine.vfs.zName = "power";
  machine.vfs.szOsFile = static_cast<int>(sizeof(File)) + machine.below->szOsFile;
  machine.vfs.pNext = nullptr;
  machine.vfs.xOpen = open_file;
  machine.vfs.xDelete = delete_file;
  sqlite3_vfs_register(&machine.vfs, 1);
}

PowerMachine::~PowerMachine() {
  sqlite3_vfs_unregister(&machine.vfs);
  sqlite3_vfs_register(machine.below, 1);
  machine.files.clear();
  machine.moment = nullptr;
  machine.operations = 0;
}

void PowerMachine::cut(const std::string& from, const std::string& to, Lost lost, std::mt19937_64& random) {
  const std::lock_guard lock(machine.mutex);
  std::filesystem::create_directories(to);
  for (const auto& [path, shadow] : machine.files) {
    if (!path.starts_with(from + "/") || path.ends_with("-shm")) continue;
    bool there = shadow.exists;
    std::string content = shadow.durable;
    if (lost != Lost::unsynced) {
      std::size_t keep = shadow.pending.size();
      if (lost == Lost::tail) keep = random() % (keep + 1);
      for (std::size_t i = 0; i < keep; ++i) {
        const Write& write = shadow.pending[i];
        if (lost == Lost::tail || write.truncation) {
          if (lost == Lost::scattered && random() % 2 == 0) continue;
          apply(content, write);
          there = true;
          continue;
        }
        for (std::size_t at = 0; at < write.bytes.size();) {
          const std::size_t room = kSector - (write.offset + at) % kSector;
          const std::string piece = write.bytes.substr(at, room);
          if (random() % 2 == 0) apply(content, {write.offset + at, piece, false});
          at += piece.size();
        }
        there = true;
      }
      // A deletion may or may not have reached the disk.
      if (shadow.deleted && random() % 2 == 0) there = false;
    }
    if (!there) continue;
    std::ofstream(to + path.substr(from.size()), std::ios::binary) << content;
  }
}

void PowerMachine::watch(std::function<void()> moment, std::int64_t every) {
  const std::lock_guard lock(machine.mutex);
  machine.moment = std::move(moment);
  machine.every = every;
}

std::int64_t PowerMachine::operations() {
  const std::lock_guard lock(machine.mutex);
  return machine.operations;
}

}  // namespace hone::test
