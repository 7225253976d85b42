#include <algorithm>
#include <cctype>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "hone/space/expression_tree.h"

namespace hone::space {
namespace {

// A chain of operators becomes a tree as deep as it is long, and trees are walked by recursion.
constexpr std::size_t kMaxWords = 2000;
constexpr int kMaxDepth = 100;

struct Word {
  enum class Kind { end, number, text, name, symbol };
  Kind kind = Kind::end;
  std::string text;  ///< as written; of a text, what stands between the quotes
  Value value;       ///< number, text
  int column = 0;

  bool is(std::string_view symbol) const {
    return (kind == Kind::symbol || kind == Kind::name) && text == symbol;
  }
  std::string shown() const {
    if (kind == Kind::end) return "the end";
    return kind == Kind::text ? fmt::format("text '{}'", text) : fmt::format("'{}'", text);
  }
};

const std::vector<std::string> kKeywords = {"and", "or", "not", "in", "true", "false"};

struct Function {
  const char* name;
  Op op;
  std::size_t least, most;
  const char* usage;
};
constexpr Function kFunctions[] = {
    {"min", Op::min, 1, 64, "min(a, b, ...)"},
    {"max", Op::max, 1, 64, "max(a, b, ...)"},
    {"abs", Op::abs, 1, 1, "abs(x)"},
    {"log2", Op::log2, 1, 1, "log2(x)"},
    {"floor", Op::floor, 1, 1, "floor(x)"},
    {"count", Op::count, 2, 2, "count(LIST, value)"},
    {"length", Op::length, 1, 1, "length(LIST)"},
};

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter_or_digit(char c) { return is_letter(c) || is_digit(c); }

class Lexer {
 public:
  explicit Lexer(const Expression::Tree& tree) : tree_(tree), text_(tree.text) {}

  std::vector<Word> words() {
    std::vector<Word> words;
    do {
      words.push_back(next());
      if (words.size() > kMaxWords)
        throw tree_.error(words.back().column, fmt::format("longer than {} words", kMaxWords));
    } while (words.back().kind != Word::Kind::end);
    return words;
  }

 private:
  Word next() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    Word word;
    word.column = static_cast<int>(at_) + 1;
    if (at_ == text_.size()) return word;
    const char c = text_[at_];
    if (is_letter(c)) return name(word);
    if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) return number(word);
    if (c == '\'' || c == '"') return quoted(word);
    return symbol(word);
  }

  Word name(Word word) {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_letter_or_digit(text_[at_])) ++at_;
    while (at_ + 1 < text_.size() && text_[at_] == '.' && is_letter_or_digit(text_[at_ + 1]))
      for (++at_; at_ < text_.size() && is_letter_or_digit(text_[at_]);) ++at_;
    word.kind = Word::Kind::name;
    word.text = text_.substr(start, at_ - start);
    return word;
  }

  Word number(Word word) {
    const char* first = text_.data() + at_;
    const char* last = text_.data() + text_.size();
    double real = 0.0;
    std::int64_t integer = 0;
    const auto real_end = std::from_chars(first, last, real);
    const auto integer_end = std::from_chars(first, last, integer);
    if (real_end.ec != std::errc())
      throw tree_.error(word.column, "this number is too large or too small to be held");
    word.kind = Word::Kind::number;
    if (integer_end.ec == std::errc() && integer_end.ptr == real_end.ptr) {
      word.value = integer;
    } else {
      word.value = real;
    }
    at_ += static_cast<std::size_t>(real_end.ptr - first);
    word.text.assign(first, real_end.ptr);
    if (at_ < text_.size() && is_letter(text_[at_]))
      throw tree_.error(word.column,
                        fmt::format("expected a number, found '{}{}...'", word.text, text_[at_]));
    return word;
  }

  Word quoted(Word word) {
    const std::size_t end = text_.find(text_[at_], at_ + 1);
    if (end == std::string::npos)
      throw tree_.error(word.column, fmt::format("this text is not closed; expected another {}", text_[at_]));
    word.kind = Word::Kind::text;
    word.text = text_.substr(at_ + 1, end - at_ - 1);
    word.value = word.text;
    at_ = end + 1;
    return word;
  }

  Word symbol(Word word) {
    static constexpr const char* kSymbols[] = {"==", "!=", "<=", ">=", "<", ">", "+", "-",
                                               "*",  "/",  "%",  "(",  ")", "[", "]", ","};
    static constexpr std::pair<const char*, const char*> kForeign[] = {
        {"&&", "and"}, {"||", "or"}, {"<>", "!="}, {"=", "=="}, {"!", "not"}, {"&", "and"}, {"|", "or"}};
    const std::string_view rest = std::string_view(text_).substr(at_);
    if (!rest.starts_with("<>")) {
      for (const char* symbol : kSymbols)
        if (rest.starts_with(symbol)) {
          word.kind = Word::Kind::symbol;
          word.text = symbol;
          at_ += word.text.size();
          return word;
        }
    }
    for (const auto& [foreign, meant] : kForeign)
      if (rest.starts_with(foreign))
        throw tree_.error(word.column, fmt::format("'{}' is not known here", foreign),
                          fmt::format("write '{}'", meant));
    const auto code = static_cast<unsigned char>(rest[0]);
    throw tree_.error(word.column, std::isprint(code)
                                       ? fmt::format("'{}' means nothing here", rest[0])
                                       : fmt::format("the byte 0x{:02x} means nothing here", code));
  }

  const Expression::Tree& tree_;
  const std::string& text_;
  std::size_t at_ = 0;
};

/// Recursive descent, one function a level of binding.
class Parser {
 public:
  Parser(Expression::Tree& tree, const std::vector<Word>& words) : tree_(tree), words_(words) {}

  void parse() {
    tree_.root = disjunction();
    if (word().kind != Word::Kind::end) throw unexpected("an operator or the end");
  }

 private:
  const Word& word() const { return words_[at_]; }
  bool take(std::string_view symbol) {
    if (!word().is(symbol)) return false;
    ++at_;
    return true;
  }
  void need(std::string_view symbol, const char* what) {
    if (!take(symbol)) throw unexpected(what);
  }
  Error unexpected(const std::string& what, std::string hint = {}) const {
    return tree_.error(word().column, fmt::format("expected {}, found {}", what, word().shown()),
                       std::move(hint));
  }
  std::uint32_t add(Op op, int column, std::vector<std::uint32_t> children) {
    TreeNode& node = tree_.nodes.emplace_back();
    node.op = op;
    node.column = column;
    node.children = std::move(children);
    return static_cast<std::uint32_t>(tree_.nodes.size() - 1);
  }
  struct Deeper {
    explicit Deeper(Parser& parser) : parser_(parser) {
      if (++parser_.depth_ > kMaxDepth)
        throw parser_.tree_.error(parser_.word().column, fmt::format("nested deeper than {}", kMaxDepth));
    }
    ~Deeper() { --parser_.depth_; }
    Parser& parser_;
  };

  std::uint32_t disjunction() {
    const Deeper deeper(*this);
    std::uint32_t left = conjunction();
    for (int column = word().column; take("or"); column = word().column)
      left = add(Op::logical_or, column, {left, conjunction()});
    return left;
  }

  std::uint32_t conjunction() {
    std::uint32_t left = negation();
    for (int column = word().column; take("and"); column = word().column)
      left = add(Op::logical_and, column, {left, negation()});
    return left;
  }

  std::uint32_t negation() {
    const Deeper deeper(*this);
    const int column = word().column;
    if (take("not")) return add(Op::logical_not, column, {negation()});
    return comparison();
  }

  const std::pair<const char*, Op>* comparator() const {
    static constexpr std::pair<const char*, Op> kComparators[] = {
        {"==", Op::equal},         {"!=", Op::unequal}, {"<=", Op::less_equal},
        {">=", Op::greater_equal}, {"<", Op::less},     {">", Op::greater}};
    for (const auto& entry : kComparators)
      if (word().is(entry.first)) return &entry;
    return nullptr;
  }

  std::uint32_t comparison() {
    const std::uint32_t left = sum();
    const int column = word().column;
    std::uint32_t result = left;
    if (const auto* found = comparator()) {
      ++at_;
      result = add(found->second, column, {left, sum()});
    } else if (take("in")) {
      result = add(Op::in, column, {left, set()});
    } else if (take("not")) {
      need("in", "'in' after 'not'");
      result = add(Op::not_in, column, {left, set()});
    }
    if (result != left && (comparator() != nullptr || word().is("in")))
      throw unexpected("'and', 'or' or the end", "comparisons do not chain: write a < b and b < c");
    return result;
  }

  std::uint32_t set() {
    const int column = word().column;
    if (take("[")) {
      std::vector<std::uint32_t> items;
      if (!word().is("]")) {
        do items.push_back(sum());
        while (take(","));
      }
      need("]", "',' or ']'");
      return add(Op::list, column, std::move(items));
    }
    return list_name("a list: [a, b] or the name of a list");
  }

  std::uint32_t list_name(const char* what) {
    if (word().kind != Word::Kind::name || is_keyword(word().text)) throw unexpected(what);
    return primary();
  }

  std::uint32_t sum() {
    std::uint32_t left = product();
    for (;;) {
      const int column = word().column;
      if (take("+")) {
        left = add(Op::add, column, {left, product()});
      } else if (take("-")) {
        left = add(Op::subtract, column, {left, product()});
      } else {
        return left;
      }
    }
  }

  std::uint32_t product() {
    std::uint32_t left = unary();
    for (;;) {
      const int column = word().column;
      if (take("*")) {
        left = add(Op::multiply, column, {left, unary()});
      } else if (take("/")) {
        left = add(Op::divide, column, {left, unary()});
      } else if (take("%")) {
        left = add(Op::remainder, column, {left, unary()});
      } else {
        return left;
      }
    }
  }

  std::uint32_t unary() {
    const Deeper deeper(*this);
    const int column = word().column;
    if (!take("-")) return primary();
    const std::uint32_t child = unary();
    TreeNode& node = tree_.nodes[child];
    if (node.op == Op::literal) {  // so that comparisons() sees -1 as a literal
      if (auto* integer = std::get_if<std::int64_t>(&node.literal)) {
        *integer = -*integer;
        return child;
      }
      if (auto* real = std::get_if<double>(&node.literal)) {
        *real = -*real;
        return child;
      }
    }
    return add(Op::negate, column, {child});
  }

  std::uint32_t primary() {
    const Word& first = word();
    if (first.kind == Word::Kind::number || first.kind == Word::Kind::text) {
      ++at_;
      return literal(first.value, first.column);
    }
    if (take("(")) {
      const std::uint32_t inside = disjunction();
      need(")", "an operator or ')'");
      return inside;
    }
    if (take("true")) return literal(true, first.column);
    if (take("false")) return literal(false, first.column);
    if (first.is("[")) throw unexpected("a value", "a list stands only right of 'in'");
    if (first.kind != Word::Kind::name || is_keyword(first.text)) throw unexpected("a value");
    ++at_;
    if (word().is("(")) return call(first);
    return name(first);
  }

  std::uint32_t literal(Value value, int column) {
    const std::uint32_t node = add(Op::literal, column, {});
    tree_.nodes[node].literal = std::move(value);
    return node;
  }

  std::uint32_t name(const Word& word) {
    const auto found = std::find(tree_.names.begin(), tree_.names.end(), word.text);
    const auto index = static_cast<std::uint32_t>(found - tree_.names.begin());
    if (found == tree_.names.end()) tree_.names.push_back(word.text);
    const std::uint32_t node = add(Op::name, word.column, {});
    tree_.nodes[node].name = index;
    return node;
  }

  std::uint32_t call(const Word& name) {
    const Function* function = nullptr;
    std::vector<std::string> known;
    for (const Function& candidate : kFunctions) {
      known.emplace_back(candidate.name);
      if (name.text == candidate.name) function = &candidate;
    }
    if (function == nullptr)
      throw tree_.error(name.column, fmt::format("unknown function '{}'", name.text),
                        suggest(name.text, known));
    need("(", "'('");
    std::vector<std::uint32_t> arguments;
    const bool takes_list = function->op == Op::count || function->op == Op::length;
    if (!word().is(")")) {
      do arguments.push_back(takes_list && arguments.empty() ? list_name("the name of a list") : sum());
      while (take(","));
    }
    need(")", "',' or ')'");
    if (arguments.size() < function->least || arguments.size() > function->most)
      throw tree_.error(name.column,
                        fmt::format("{} takes {} argument{}, found {}", name.text,
                                    function->most > 2 ? "1 to 64" : fmt::format("{}", function->least),
                                    function->most == 1 ? "" : "s", arguments.size()),
                        fmt::format("write {}", function->usage));
    return add(function->op, name.column, std::move(arguments));
  }

  static bool is_keyword(const std::string& text) {
    return std::find(kKeywords.begin(), kKeywords.end(), text) != kKeywords.end();
  }

  Expression::Tree& tree_;
  const std::vector<Word>& words_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

std::string canonical_text(const std::vector<Word>& words) {
  std::string text;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const Word& word = words[i];
    const bool closes = word.is(")") || word.is("]") || word.is(",");
    const bool after_opening = i > 0 && (words[i - 1].is("(") || words[i - 1].is("["));
    const bool calls = word.is("(") && i > 0 && words[i - 1].kind == Word::Kind::name &&
                       std::find(kKeywords.begin(), kKeywords.end(), words[i - 1].text) == kKeywords.end();
    if (i > 0 && !closes && !after_opening && !calls) text += ' ';
    if (word.kind == Word::Kind::number) {
      text += value_text(word.value);
    } else if (word.kind == Word::Kind::text) {
      const char quote = word.text.find('\'') == std::string::npos ? '\'' : '"';
      text += quote + word.text + quote;
    } else {
      text += word.text;
    }
  }
  return text;
}

}  // namespace

std::string renamed_text(const std::string& canonical,
                         const std::function<std::string(const std::string&)>& name) {
  Expression::Tree tree;
  tree.text = canonical;
  std::vector<Word> words = Lexer(tree).words();
  for (std::size_t i = 0; i + 1 < words.size(); ++i)
    if (words[i].kind == Word::Kind::name && !words[i + 1].is("(") &&
        std::find(kKeywords.begin(), kKeywords.end(), words[i].text) == kKeywords.end())
      words[i].text = name(words[i].text);
  return canonical_text(words);
}

void parse_into(Expression::Tree& tree) {
  const std::vector<Word> words = Lexer(tree).words();
  if (words.size() == 1) throw Error("the expression is empty", tree.place, "write one as 'width >= 64'");
  Parser(tree, words).parse();
  tree.canonical = canonical_text(words);
}

}  // namespace hone::space
