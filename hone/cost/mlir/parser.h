#pragma once

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <unordered_map>

#include "hone/base/error.h"
#include "hone/cost/mlir/lexer.h"
#include "hone/cost/mlir/text.h"

namespace hone::cost::mlir {

/// What the head of an operation in its pretty form has shown so far.
struct Head {
  int id = 0;  ///< of the operation
  Operation operation;
  Few<std::pair<std::string_view, int>, 2> result_names;  ///< name, how many
  std::uint32_t name_token = 0;
  Few<std::uint32_t> result_tokens;
  int results = 0;
  /// Values that nothing defines: arguments of the region, or defined further down.
  struct Unknown {
    std::uint32_t token = 0;
    int operand = 0;  ///< index into the operands
    int type = -1;
  };
  std::vector<Unknown> unknown;
  struct Argument {
    std::uint32_t token = 0;
    int type = -1;
  };
  std::vector<Argument> arguments;  ///< of the first region
  Few<int> colon_types;             ///< after the last `:` outside brackets
  Few<int> arrow_types;             ///< after the last `->` outside brackets
  Few<int> output_types;            ///< inside outs(...) of linalg
  bool arrow_last = false;
  int from = -1;  ///< how many of colon_types stand before `from`; -1: there is none
  std::int64_t text_end = -1;
};

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool any_of(std::string_view word, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// Reads the tokens of a text into a module. Recursion is bounded by kMaxDepth.
class Parser {
 public:
  Parser(Module& module, std::vector<Token> tokens);
  void run();

 private:
  static constexpr int kMaxDepth = 200;
  using Kind = Token::Kind;

  // Words (mlir/parser.cpp).
  const Token& token(std::uint32_t ahead = 0) const {
    return tokens_[std::min<std::size_t>(at_ + ahead, tokens_.size() - 1)];
  }
  const Token& previous() const { return tokens_[at_ == 0 ? 0 : at_ - 1]; }
  std::string_view text(const Token& token) const { return source_.substr(token.begin, token.length); }
  std::string_view text_between(std::size_t begin, std::size_t end) const {
    return source_.substr(begin, end - begin);
  }
  /// Where the last token taken ends.
  std::size_t end_of_previous() const { return previous().begin + previous().length; }
  bool is(const Token& token, std::string_view word) const { return text(token) == word; }
  bool at(std::string_view word) const { return is(token(), word) && token().kind != Kind::text; }
  bool take(std::string_view word);
  void need(std::string_view word);
  /// Whether nothing stands between a token and the one before it.
  bool adjacent(const Token& token) const;
  Error error(const Token& token, const std::string& what) const;
  Error error_at(std::size_t position, int line, const std::string& what) const;
  Error unexpected(const std::string& wanted) const;
  struct Deeper {
    explicit Deeper(Parser& parser);
    ~Deeper() { --parser_.depth_; }
    Parser& parser_;
  };

  // Values (mlir/values.cpp).
  struct Binding {
    int value = -1;  ///< the first of `count`
    int count = 0;
    int region = -1;
  };
  struct Pending {
    int number = 0, value = 0;
    std::uint32_t token = 0;
  };
  int add_value(Value value);
  void define(std::uint32_t token, int first, int count);
  /// The value that a token (and a `#n` after it, which is taken) names; -1: nothing defines it so far.
  int lookup();
  int forward(std::uint32_t token, int type);
  int need_value();  ///< a value, perhaps one that is defined further down
  void resolve(std::string_view name, Few<int>& results);
  void check_pending() const;
  void open_scope() { scopes_.push_back(undo_.size()); }
  void close_scope();

  // Operations and regions (mlir/parser.cpp).
  int operation();
  void generic(Head& head);
  int region(const std::vector<Head::Argument>& arguments, int operation);
  void block_arguments(Block& block, int region);
  void operations_until(Block& block);
  void finish(Head& head);
  void define_results(Head& head, const Few<int>& types);
  void alias();
  void file_metadata();
  void drop_locations();
  void check_depth(std::uint32_t begin, std::uint32_t end) const;
  std::string_view whole_name(std::string_view name) const;

  // The pretty form (mlir/pretty.cpp, mlir/heads.cpp, mlir/results.cpp).
  void pretty(Head& head);
  void pretty_item(Head& head, int& depth);
  void pretty_region(Head& head);
  void pretty_value(Head& head);
  void pretty_types(Head& head, Few<int>& list);
  bool begins_operation() const;
  bool begins_results() const;
  bool begins_region() const;
  bool begins_type(std::uint32_t ahead = 0) const;
  bool number(std::uint32_t ahead) const;  ///< without its sign
  bool is_scalar_name(std::string_view word) const;
  Few<int> result_types(const Head& head);
  int element_type(int type);
  int scalar_type(Type::Scalar scalar, int bits, std::string_view text);
  int function_type(Few<int> inputs, Few<int> results);

  bool known_head(Head& head);
  bool function_head(Head& head);
  void function_argument(Head& head, Few<int>& inputs);
  void affine_for(Head& head);
  void affine_parallel(Head& head);
  void scf_for(Head& head);
  void scf_parallel(Head& head);
  void scf_forall(Head& head);
  void affine_access(Head& head, bool store);
  void affine_apply(Head& head);
  void static_numbers(Head& head);
  void iteration_arguments(Head& head);
  Bound affine_bound(Head& head);
  std::vector<Bound> affine_bounds(Head& head);
  std::vector<Bound> value_list(Head& head);
  Bound value_bound(int value);
  Bound constant_bound(std::int64_t value);
  Few<int> map_operands();
  std::vector<std::uint32_t> argument_list();
  /// Expressions over values between brackets, as `[%i + 1, symbol(%n)]`; the values go to `operands`.
  int value_map(std::string_view open, std::string_view close, Few<int>& operands);

  // The generic form's attributes as loops and accesses (mlir/generic.cpp).
  void understand(Operation& operation);
  void generic_affine_for(Operation& operation);
  void generic_affine_parallel(Operation& operation);
  void generic_scf(Operation& operation);
  void generic_forall(Operation& operation);
  void openmp_loops(Operation& operation);
  int argument(const Operation& operation, std::size_t number) const;
  Bound slice(const Operation& operation, int map, std::int64_t first, std::int64_t count) const;

  // Types, attributes, maps.
  int type();
  int type_list(Few<int>& list);  ///< `T` or `(T, ...)`; how many
  int intern(std::string_view text, std::uint32_t line);
  int attribute();
  int attribute_value(Attribute& attribute);
  int dictionary();
  void dense(Attribute& attribute);
  int add_attribute(Attribute attribute);
  void check_alias(const Token& name) const;
  void check_maps(const Operation& operation, const Token& name) const;
  void take_dictionary(Head& head);
  std::int64_t integer();
  int affine_map();                       ///< after `affine_map`
  void affine_set(Attribute& attribute);  ///< after `affine_set`
  void map_names(AffineMap& map);         ///< `(d0, d1)[s0]`
  int map_reference();                    ///< `#map` or `affine_map<...>`
  int affine_expression(AffineMap& map, Few<int>* values);
  int affine_term(AffineMap& map, Few<int>* values);
  int affine_factor(AffineMap& map, Few<int>* values);
  int add_map(AffineMap map);

  friend class TypeReader;

  Module& module_;
  std::string_view source_;
  std::vector<Token> tokens_;
  std::uint32_t at_ = 0;
  int depth_ = 0;
  int region_ = -1;  ///< being read
  std::unordered_map<std::string_view, Binding> names_;
  std::vector<std::pair<std::string_view, Binding>> undo_;
  std::vector<std::size_t> scopes_;
  std::unordered_map<std::string_view, std::vector<Pending>> pending_;
  std::unordered_map<std::string_view, int> type_ids_;
  std::unordered_map<std::string_view, int> type_aliases_, attribute_aliases_;
  std::vector<std::string_view> default_dialects_;  ///< of the operations around
  std::vector<std::string_view> dims_, symbols_;    ///< of the map being read
  std::int64_t block_column_ = 0;                   ///< of the operations of the block being read
};

}  // namespace hone::cost::mlir
