#pragma once

#include <string>
#include <utility>
#include <vector>

#include "hone/base/json.h"
#include "hone/base/key.h"
#include "hone/base/value.h"

namespace hone::space {

/// One assignment of a space: the active parameters by name, in the space's order. Made canonical by Space
/// (inactive parameters absent, reals at their resolution). A plain value.
class Config {
 public:
  using Entry = std::pair<std::string, Value>;

  Config() = default;
  explicit Config(std::vector<Entry> entries) : entries_(std::move(entries)) {}

  const std::vector<Entry>& entries() const& { return entries_; }
  std::vector<Entry> entries() && {
    return std::move(entries_);
  }  ///< so that a loop over a temporary is safe
  const Value* find(const std::string& name) const;
  bool has(const std::string& name) const { return find(name) != nullptr; }
  /// Throws Error where the parameter is inactive or unknown.
  const Value& at(const std::string& name) const;
  double real(const std::string& name) const;
  std::int64_t integer(const std::string& name) const;
  bool flag(const std::string& name) const;
  const std::string& text(const std::string& name) const;
  /// The entries of the list parameter `name` ("name.0", "name.1", ...), in order; empty where it has none.
  std::vector<Value> list(const std::string& name) const;

  /// "width=64 lr=0.001", as a person reads it.
  std::string shown() const;
  /// Appends what json() gives, as compact text: what key() hashes.
  void append_json(std::string& out) const;
  Json json() const;                          ///< an object in the space's order
  static Config from_json(const Json& json);  ///< throws Error
  /// The config key: hash_key of the entries as compact JSON in the space's order, reals as real_text (whole
  /// ones with ".0"): {"mixer":"attention","lr":0.001}. Equal configs of one space have equal keys, and so
  /// has what from_json(json()) gives.
  Key key() const;

  bool operator==(const Config&) const = default;

 private:
  std::vector<Entry> entries_;
};

}  // namespace hone::space
