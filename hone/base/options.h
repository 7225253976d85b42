#pragma once

#include <string>
#include <vector>

#include "hone/base/document.h"
#include "hone/base/json.h"
#include "hone/base/numbers.h"

namespace hone {

/// What one option of a method takes. Read by the study file's checker, `hone methods`, --help and the docs.
struct OptionSpec {
  enum class Type { flag, integer, real, text, integers, texts, duration, quantity, table, size };
  std::string name;
  Type type = Type::real;
  Json fallback;  ///< the default; null: the user must give it
  std::string summary;
  double low = -kInfinity;
  double high = kInfinity;
  std::vector<std::string> allowed = {};  ///< for text and texts; empty: any
  bool optional = false;                  ///< may be absent although it has no default

  std::string type_text() const;     ///< "integer", "text", ...
  std::string allowed_text() const;  ///< ">= 2", "1 to 8", "one of a, b", ""
};

/// Options of one method, checked against their specs and completed with defaults. A plain value.
class Options {
 public:
  Options() = default;
  /// Checks a table the user wrote. Keys in `ignore` (as "kind") are left out. Throws Error with place.
  Options(const std::vector<OptionSpec>& specs, const Node& table,
          const std::vector<std::string>& ignore = {});
  /// All defaults, overridden by `given`. For code rather than files. Throws Error.
  Options(const std::vector<OptionSpec>& specs, const Json& given);
  explicit Options(const std::vector<OptionSpec>& specs) : Options(specs, Json::object()) {}

  bool has(const std::string& name) const;
  bool flag(const std::string& name) const;
  std::int64_t integer(const std::string& name) const;
  double real(const std::string& name) const;
  std::string text(const std::string& name) const;
  std::vector<std::int64_t> integers(const std::string& name) const;
  std::vector<std::string> texts(const std::string& name) const;
  /// A table as it was written, with the places of what is in it; of the type missing where it was not.
  Node table(const std::string& name) const;
  const Json& json() const { return values_; }
  /// Where the user wrote it; the table's place where the default holds.
  Place place(const std::string& name) const;

 private:
  const Json& at(const std::string& name) const;

  Json values_ = Json::object();
  std::vector<std::pair<std::string, Place>> places_;
  std::vector<Node::Entry> tables_;
  Place table_place_;
};

}  // namespace hone
