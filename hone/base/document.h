#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "hone/base/error.h"
#include "hone/base/json.h"
#include "hone/base/value.h"

namespace hone {

/// One value of a document that the user wrote (TOML), with the place where it stands. Every getter throws
/// Error naming file, line and key, what was found and what is allowed. A plain value.
class Node {
 public:
  enum class Type { missing, flag, integer, real, text, list, table };
  using Entry = std::pair<std::string, Node>;

  Node() = default;
  Node(Type type, Place place) : type_(type), place_(std::move(place)) {}

  /// Parses TOML text. `file` is only a name for messages. Throws Error with line on malformed text.
  static Node parse_toml(const std::string& text, const std::string& file);

  Type type() const { return type_; }
  const Place& place() const { return place_; }
  bool is(Type type) const { return type_ == type; }
  bool is_number() const { return type_ == Type::integer || type_ == Type::real; }
  explicit operator bool() const { return type_ != Type::missing; }

  // Leaves.
  bool flag() const;
  std::int64_t integer() const;  ///< 3 and 3.0
  double real() const;           ///< any number
  const std::string& text() const;
  Value value() const;  ///< any leaf

  // Lists.
  const std::vector<Node>& list() const;
  std::vector<std::string> texts() const;      ///< a list of texts, or one text
  std::vector<std::int64_t> integers() const;  ///< a list of integers, or one integer

  // Tables, in the order of the file.
  const std::vector<Entry>& entries() const;
  bool has(const std::string& key) const;
  /// The entry, or a `missing` node placed where it would stand.
  const Node operator[](const std::string& key) const;
  /// Like [], but throws Error where it is missing.
  Node need(const std::string& key) const;
  /// Throws Error at the first key that is not in `allowed`, with the name that was meant.
  void only(const std::vector<std::string>& allowed) const;

  /// Plain JSON of the content, without places.
  Json json() const;
  /// An error at this node: "expected WHAT, found 'x'".
  Error expected(const std::string& what, std::string hint = {}) const;
  /// What is written here, in one line, for messages.
  std::string shown() const;

  // For builders of documents.
  bool flag_ = false;
  std::int64_t integer_ = 0;
  double real_ = 0.0;
  std::string text_;
  std::vector<Node> list_;
  std::vector<Entry> table_;

 private:
  Type type_ = Type::missing;
  Place place_;
};

}  // namespace hone
