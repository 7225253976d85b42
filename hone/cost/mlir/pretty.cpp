// The pretty form: every operation has a syntax of its own, which is not known here but for the heads that
// mlir/heads.cpp reads. What all have in common is read: values, types, attributes, regions, and where the
// next operation begins.
#include <algorithm>

#include <fmt/format.h>

#include "hone/cost/mlir/parser.h"

namespace hone::cost::mlir {
namespace {

/// Words without a dot that name operations.
bool bare_operation(std::string_view word) {
  return any_of(word, {"return", "module", "call", "func", "constant", "call_indirect"});
}

/// Words that go on with an operation at a line's beginning.
bool goes_on(std::string_view word) {
  return any_of(word,
                {"else",        "do",     "ins",       "outs",    "attributes", "default",    "case",
                 "to",          "step",   "iter_args", "init",    "into",       "dimensions", "permutation",
                 "shared_outs", "reduce", "cond",      "applies", "across",     "in",         "reducer"});
}

/// Operations that end blocks: `{ scf.yield }` is a region, `{ llvm.noalias }` a dictionary.
bool ends_block(std::string_view word) {
  return word.ends_with("yield") || word.ends_with("return") || word.ends_with("terminator") ||
         word.ends_with("unreachable") || word == "scf.reduce";
}

/// Where `{}` is an empty body.
bool wants_region(const Operation& operation) {
  return (!operation.loops.empty() && operation.regions.empty()) || operation.name.ends_with(".func") ||
         any_of(operation.name,
                {"scf.if", "affine.if", "scf.index_switch", "builtin.module", "scf.execute_region"});
}

}  // namespace

bool Parser::begins_results() const {
  std::uint32_t i = 0;
  for (;;) {
    if (token(i).kind != Kind::value) return false;
    ++i;
    if (is(token(i), ":") && token(i + 1).kind == Kind::integer) i += 2;
    if (!is(token(i), ",")) break;
    ++i;
  }
  if (!is(token(i), "=")) return false;
  const Token& name = token(i + 1);
  if (name.kind == Kind::text) return is(token(i + 2), "(");
  if (name.kind != Kind::word) return false;
  return token().first_on_line || text(name).find('.') != std::string_view::npos ||
         bare_operation(text(name));
}

bool Parser::number(std::uint32_t ahead) const {
  return token(ahead).kind == Kind::integer || token(ahead).kind == Kind::real;
}

/// Whether what stands here, outside brackets, no longer belongs to the operation being read.
bool Parser::begins_operation() const {
  const Token& next = token();
  switch (next.kind) {
    case Kind::end:
      return true;
    case Kind::punctuation:
      return text(next) == "}" || text(next) == ")" || text(next) == "]" ||
             (text(next) == "{" && is(token(1), "-"));
    case Kind::value:
      return !is(previous(), ",") && begins_results();
    case Kind::text:
      return next.first_on_line && is(token(1), "(");
    case Kind::hash:
    case Kind::type:
      return next.first_on_line && is(token(1), "=");
    case Kind::block:
      if (is(previous(), ",")) return false;
      if (is(token(1), ":")) return true;
      return next.first_on_line && is(token(1), "(") && is(tokens_[token(1).partner + 1], ":");
    case Kind::word: {
      const std::string_view word = text(next);
      const Token& before = previous();
      if (is(before, ",") || is(before, "=") || is(before, "->") || is(before, ":")) return false;
      if (word.find('.') != std::string_view::npos) {
        if (next.first_on_line) return true;
        // On the same line only after what can end an operation.
        return before.kind != Kind::word || is_scalar_name(text(before));
      }
      if (!next.first_on_line) return word == "return" && before.kind != Kind::text;
      if (bare_operation(word)) return true;
      return !goes_on(word) && !is(token(1), "=") && column_at(source_, next.begin) == block_column_;
    }
    default:
      return false;
  }
}

/// At `{`: a region rather than a dictionary.
bool Parser::begins_region() const {
  const Token& first = token(1);
  const Token& second = token(2);
  switch (first.kind) {
    case Kind::value:
    case Kind::block:
      return true;
    case Kind::text:
      return is(second, "(");
    case Kind::word:
      if (is(second, "=") || is(second, ",")) return false;
      if (is(second, "}")) return ends_block(text(first)) || first.first_on_line;
      return true;
    default:
      return false;  // {} is a dictionary, unless the head says otherwise
  }
}

void Parser::pretty(Head& head) {
  if (!known_head(head)) {
    // linalg.map { arith.addf } ins(...): the region in short.
    if (at("{") && any_of(head.operation.name, {"linalg.map", "linalg.reduce"}) &&
        token(1).kind == Kind::word) {
      // The one operation of the body, by name.
      Attribute combiner;
      combiner.kind = Attribute::Kind::text;
      combiner.text = text(token(1));
      head.operation.attributes.emplace_back("combiner", add_attribute(std::move(combiner)));
      at_ = token().partner + 1;
    }
  }
  int depth = 0;
  while (depth > 0 || !begins_operation()) pretty_item(head, depth);

  Operation& operation = head.operation;
  for (const Head::Unknown& unknown : head.unknown)
    operation.operands[static_cast<std::size_t>(unknown.operand)] = forward(unknown.token, unknown.type);
  const Few<int> types = result_types(head);
  define_results(head, types);
}

void Parser::pretty_item(Head& head, int& depth) {
  const Token& next = token();
  Operation& operation = head.operation;
  switch (next.kind) {
    case Kind::end:
      throw unexpected("the rest of an operation");
    case Kind::value:
      return pretty_value(head);
    case Kind::symbol:
      if (operation.symbol.empty()) {
        operation.symbol = text(next).substr(1);
        if (operation.symbol.starts_with('"'))
          operation.symbol = operation.symbol.substr(1, operation.symbol.size() - 2);
      }
      ++at_;
      return;
    case Kind::hash: {
      const int id = attribute();
      const Attribute& named = module_.attributes[static_cast<std::size_t>(id)];
      operation.attributes.emplace_back("", id);
      // `linalg.generic #trait`: what the alias of a dictionary holds.
      for (std::size_t i = 0; i < named.names.size(); ++i)
        operation.attributes.emplace_back(named.names[i], named.items[i]);
      return;
    }
    case Kind::type:
      operation.types.push_back(type());
      if (depth == 0)
        (head.arrow_last ? head.arrow_types : head.colon_types).push_back(operation.types.back());
      return;
    case Kind::integer:
    case Kind::real:
      if (depth == 0) {
        operation.attributes.emplace_back("", attribute());
      } else {
        ++at_;
      }
      return;
    case Kind::text:
      if (depth == 0)
        operation.attributes.emplace_back("", add_attribute([&] {
                                            Attribute quoted;
                                            quoted.kind = Attribute::Kind::text;
                                            quoted.text = text(next).substr(1, next.length - 2);
                                            return quoted;
                                          }()));
      ++at_;
      return;
    case Kind::word:
      break;
    case Kind::other:
      if (depth == 0) throw unexpected("the rest of an operation");
      ++at_;
      return;
    default: {
      const char c = source_[next.begin];
      if (c == '{') {
        if (depth == 0 && (begins_region() || (is(token(1), "}") && wants_region(operation))))
          return pretty_region(head);
        const bool dictionary = depth == 0 && !(adjacent(next) && is(token(1), "["));  // ops{["a", "b"]}
        if (dictionary) return take_dictionary(head);
        // Inside brackets: attributes of an argument, or something of a dialect's own.
        at_ = next.partner + 1;
      } else if (c == '<') {
        at_ = next.partner != 0 ? next.partner + 1 : at_ + 1;
      } else if (c == '(' || c == '[') {
        ++depth;
        ++at_;
      } else if (c == ')' || c == ']') {
        --depth;
        ++at_;
      } else if (depth == 0 && text(next) == ":") {
        ++at_;
        head.colon_types.clear();
        head.arrow_last = false;
        head.from = -1;
        if (at("(")) pretty_types(head, head.colon_types);
      } else if (depth == 0 && text(next) == "->") {
        ++at_;
        head.arrow_types.clear();
        head.arrow_last = true;
        if (at("(")) pretty_types(head, head.arrow_types);
      } else if (depth == 0 && c == '-' && number(1)) {  // arith.constant -1
        operation.attributes.emplace_back("", attribute());
      } else {
        ++at_;
      }
      return;
    }
  }

  const std::string_view word = text(next);
  if (begins_type()) {
    operation.types.push_back(type());
    if (depth == 0) (head.arrow_last ? head.arrow_types : head.colon_types).push_back(operation.types.back());
    return;
  }
  const bool valued = (word == "dense" || word == "array" || word == "dense_resource" ||
                       word == "affine_map" || word == "affine_set") &&
                      is(token(1), "<");
  if (valued || (depth == 0 && (word == "true" || word == "false"))) {
    operation.attributes.emplace_back("", attribute());
    return;
  }
  ++at_;
  if (at("<")) {
    if (token().partner != 0) at_ = token().partner + 1;
    return;
  }
  if (word == "outs" && at("(")) {  // linalg: what the results are like
    const std::uint32_t close = token().partner;
    int inner = 1;
    ++at_;
    const std::size_t before = operation.types.size();
    while (at_ < close) pretty_item(head, inner);
    at_ = close + 1;
    head.output_types.assign(operation.types.begin() + static_cast<std::ptrdiff_t>(before),
                             operation.types.end());
    return;
  }
  if (word == "from" && depth == 0) head.from = static_cast<int>(head.colon_types.size());
  if (depth == 0 && at("=") && !is(token(1), "%")) {
    const Token& value = token(1);
    const bool attribute_follows = number(1) || (is(value, "-") && number(2)) || value.kind == Kind::text ||
                                   value.kind == Kind::hash || is(value, "[") || is(value, "{") ||
                                   is(value, "dense") || is(value, "array") || is(value, "true") ||
                                   is(value, "false");
    if (attribute_follows) {
      ++at_;
      operation.attributes.emplace_back(word, attribute());
    }
  }
}

/// `(T, T)` after `:` or `->`; anything else in brackets is left to be read as it comes.
void Parser::pretty_types(Head& head, Few<int>& list) {
  if (!is(token(1), ")") && !begins_type(1) && !is(token(1), "(")) return;
  Few<int> group;
  type_list(group);
  head.operation.types.insert(head.operation.types.end(), group.begin(), group.end());
  list.insert(list.end(), group.begin(), group.end());
}

void Parser::pretty_value(Head& head) {
  const std::uint32_t name = at_;
  const int value = lookup();
  int known_type = value >= 0 ? module_.values[static_cast<std::size_t>(value)].type : -1;
  if (value < 0) {
    ++at_;
    if (token().kind == Kind::hash && adjacent(token())) ++at_;
  }
  // `%a = %b` inside brackets names an argument of the region.
  if (at("=") && (value < 0 || token(1).kind == Kind::value)) {
    ++at_;
    int type = -1;
    if (token().kind == Kind::value) {
      const int initial = lookup();
      if (initial >= 0) {
        head.operation.operands.push_back(initial);
        type = module_.values[static_cast<std::size_t>(initial)].type;
      } else {
        head.unknown.push_back({at_, static_cast<int>(head.operation.operands.size()), -1});
        head.operation.operands.push_back(-1);
        ++at_;
      }
    }
    head.arguments.push_back({name, type});
    return;
  }
  if (at(":") && begins_type(1) && value < 0) {  // `(%in: f32)`
    ++at_;
    known_type = type();
    head.operation.types.push_back(known_type);
  }
  if (value < 0) head.unknown.push_back({name, static_cast<int>(head.operation.operands.size()), known_type});
  head.operation.operands.push_back(value);
}

/// Regions that do not list their arguments take what the head named and nothing defines.
void Parser::pretty_region(Head& head) {
  Operation& operation = head.operation;
  if (operation.regions.empty()) head.text_end = static_cast<std::int64_t>(end_of_previous());
  // In the order of the text.
  std::vector<Head::Argument>& arguments = head.arguments;
  for (const Head::Unknown& unknown : head.unknown) arguments.push_back({unknown.token, unknown.type});
  std::stable_sort(arguments.begin(), arguments.end(),
                   [](const Head::Argument& a, const Head::Argument& b) { return a.token < b.token; });
  if (!head.unknown.empty())
    operation.operands.erase(std::remove(operation.operands.begin(), operation.operands.end(), -1),
                             operation.operands.end());
  head.unknown.clear();
  // gpu.launch: written size after place, and taken places first.
  if (operation.name == "gpu.launch" && arguments.size() == 12)
    std::rotate(arguments.begin() + 3, arguments.begin() + 6, arguments.begin() + 9);
  openmp_loops(operation);
  const std::string_view around =
      operation.name.ends_with(".func") ? operation.dialect() : std::string_view();
  if (!around.empty() || operation.name == "builtin.module")
    default_dialects_.push_back(around.empty() ? "builtin" : around);
  // Counters of grids and nests are written without types.
  if (any_of(operation.dialect(), {"gpu", "omp", "scf", "affine"}))
    for (Head::Argument& argument : arguments)
      if (argument.type < 0) argument.type = scalar_type(Type::Scalar::index, 64, "index");
  const bool lists = !operation.regions.empty() && token(1).kind == Kind::block;
  operation.regions.push_back(region(lists ? std::vector<Head::Argument>{} : arguments, head.id));
  if (operation.regions.size() == 1)
    for (std::size_t i = 0; i < operation.loops.size(); ++i)
      operation.loops[i].variable = argument(operation, i);
  if (!around.empty() || operation.name == "builtin.module") default_dialects_.pop_back();
}

}  // namespace hone::cost::mlir
