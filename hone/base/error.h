#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace hone {

/// Where in the user's input something stands. Empty parts are unknown.
struct Place {
  std::string file;
  int line = 0;     ///< 1-based; 0: unknown
  std::string key;  ///< dotted, as the user would write it: "space.lr"
  int column = 0;   ///< 1-based, in bytes; 0: unknown

  bool operator==(const Place&) const = default;
  /// "study.toml:12: space.lr: ", "kernel.mlir:3:17: ", leaving out what is unknown.
  std::string prefix() const;
};

/// Whose fault an error is; it decides the program's exit status.
enum class Fault {
  input,        ///< the user's input is wrong: exit status 2
  environment,  ///< the machine: a full disk, a lost database: exit status 1
  internal,     ///< hone's own: exit status 1
};

/// The only exception that hone's libraries throw on purpose: what is wrong, where in the user's input, and
/// what to do about it. what() is "PLACE: WHAT; HINT", one line, without "error:".
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, Place place = {}, std::string hint = {},
                 Fault fault = Fault::input);

  const std::string& message() const { return message_; }
  const Place& place() const { return place_; }
  const std::string& hint() const { return hint_; }
  Fault fault() const { return fault_; }

 private:
  std::string message_;
  Place place_;
  std::string hint_;
  Fault fault_;
};

/// An error of the machine rather than of the input.
Error environment_error(const std::string& message, std::string hint = {});
/// An error in hone itself: a broken invariant.
Error internal_error(const std::string& message);

/// The allowed name closest to `found` by edit distance (an exchange of neighbours is one edit, case does not
/// count), or "" where none is near (more than a third of its letters differ).
std::string nearest(const std::string& found, const std::vector<std::string>& allowed);

/// "allowed: a, b, c" and, where one is near, "did you mean 'b'? " before it. For hints.
std::string suggest(const std::string& found, const std::vector<std::string>& allowed);

}  // namespace hone
