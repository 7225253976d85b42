#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>

namespace hone::test {

/// A machine that can lose its power: while one of these lives, SQLite's files go through it. It knows what
/// of each file had been synced, and can write out what a disk might hold if the power went away at this
/// moment. One at a time; open no store before it or after.
class PowerMachine {
 public:
  PowerMachine();
  ~PowerMachine();
  PowerMachine(const PowerMachine&) = delete;
  PowerMachine& operator=(const PowerMachine&) = delete;

  enum class Lost {
    unsynced,  ///< everything since the last sync of each file
    tail,      ///< of what was not synced, a prefix has reached the disk
    scattered  ///< of what was not synced, any sectors of 512 bytes have
  };
  /// Writes the files under `from` as the disk would hold them into the folder `to`.
  static void cut(const std::string& from, const std::string& to, Lost lost, std::mt19937_64& random);
  /// Calls this before every nth write, sync, truncation or deletion: the moments at which power is cut.
  static void watch(std::function<void()> moment, std::int64_t every);
  static std::int64_t operations();
};

}  // namespace hone::test
