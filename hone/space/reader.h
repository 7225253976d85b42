#pragma once

#include <string>
#include <utility>
#include <vector>

#include "hone/space/composition.h"

namespace hone::space {

/// Reads the [space] table of a study file: parameters, groups, lists, alternatives, definitions (reader.cpp)
/// and compositions of modules (module_reader.cpp). Throws Error with place and hint.
class Reader {
 public:
  explicit Reader(const Node& table) : top_(table) {}
  Space::Builder read();

 private:
  /// The members of a group; keys in `taken` are not members.
  Space::Builder group(const Node& table, const std::vector<std::string>& taken);
  /// One entry of a group: a parameter, a group, a list of groups, ... `when` comes from a `use`.
  void member(const std::string& name, const Node& node, const Expression& when, Space::Builder& builder);
  void parameter(const std::string& name, const Node& node, const Expression& when, Space::Builder& builder);
  void choice_of_groups(const std::string& name, const Node& node, const Expression& when,
                        Space::Builder& builder);
  void nested(const std::string& name, const Node& node, const Node& content, const Expression& when,
              Space::Builder& builder);
  void used(const std::string& name, const Node& node, const Expression& when, Space::Builder& builder);

  Composition composition(const Node& node);
  Composition module_of(const Node& table);
  Composition one_of_list(const Node& node);
  bool is_composition(const Node& node) const;

  /// What [space.define] says of the name that `node`'s `use` gives.
  Node definition(const Node& node) const;
  bool is_definitions(const Node& node) const;

  /// While one is alive, the definition is being read: it may not use itself.
  class Using {
   public:
    Using(Reader& reader, const Node& node);
    ~Using() { reader_.using_.pop_back(); }
    Using(const Using&) = delete;

   private:
    Reader& reader_;
  };

  Node top_;
  std::vector<std::string> using_;
  std::size_t parts_ = 0;  ///< of compositions read so far: definitions that use each other multiply
};

/// `when` of a table and one that comes from outside.
Expression read_when(const Node& table, const Expression& outer);
/// A length or how often: 3 or [1, 4].
std::pair<std::int64_t, std::int64_t> read_span(const Node& node);
/// Runs what knows no place and gives its errors that of `node`.
template <typename Make>
auto at_place(const Node& node, Make make) {
  try {
    return make();
  } catch (const Error& error) {
    if (!error.place().file.empty()) throw;
    throw Error(error.message(), node.place(), error.hint());
  }
}

}  // namespace hone::space
