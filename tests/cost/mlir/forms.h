#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace hone::test {

/// A kernel of loops inside each other around straight code, to be written in the forms that one kernel goes
/// through on its way to machine code.
struct Kernel {
  struct Array {
    std::string name;
    std::vector<int> shape;
    std::string element = "f32";
  };
  struct Loop {
    std::string variable;
    int begin = 0;
    std::string end;  ///< a number, or `i+1`
  };
  /// `to = a[i, j+1]`, `a[i] = x`, or `to = mulf x y`: a load, a store, an operation of arith.
  struct Line {
    std::string to, what;
  };
  std::string name;
  std::vector<Array> arrays;
  std::vector<Loop> loops;
  std::vector<Line> body;
  std::string element = "f32";  ///< of operations
};

/// Writes kernels as text.
class KernelText {
 public:
  enum class Form { affine, blocks, llvm };
  KernelText(const Kernel& kernel, Form form) : kernel_(kernel), form_(form) {}

  std::string text() {
    if (form_ == Form::llvm) arguments();
    std::string head;
    for (const Kernel::Array& array : kernel_.arrays)
      if (form_ != Form::llvm)
        head += fmt::format("{}%{}: {}", head.empty() ? "" : ", ", array.name, memref(array));
    out_ = form_ == Form::llvm ? "llvm.func @f(" + head_ + ") {\n" + out_ : "func.func @f(" + head + ") {\n";
    loop(0);
    return out_ + (form_ == Form::llvm ? "llvm.return\n}\n" : "return\n}\n");
  }

 private:
  static std::string memref(const Kernel::Array& array) {
    std::string type = "memref<";
    for (const int size : array.shape) type += fmt::format("{}x", size);
    return type + array.element + ">";
  }
  const char* whole() const { return form_ == Form::llvm ? "i64" : "index"; }
  const char* operation(const char* of_arith) const {
    const std::string name = of_arith;
    return name == "addi"   ? (form_ == Form::llvm ? "llvm.add" : "arith.addi")
           : name == "muli" ? (form_ == Form::llvm ? "llvm.mul" : "arith.muli")
           : name == "addf" ? (form_ == Form::llvm ? "llvm.fadd" : "arith.addf")
                            : (form_ == Form::llvm ? "llvm.fmul" : "arith.mulf");
  }
  std::string fresh() { return fmt::format("%t{}", names_++); }
  std::string constant(int number) {
    const std::string name = fresh();
    out_ += form_ == Form::llvm ? fmt::format("{} = llvm.mlir.constant({} : index) : i64\n", name, number)
                                : fmt::format("{} = arith.constant {} : index\n", name, number);
    return name;
  }
  std::string calculated(const char* of_arith, const std::string& a, const std::string& b) {
    const std::string name = fresh();
    out_ += fmt::format("{} = {} {}, {} : {}\n", name, operation(of_arith), a, b, whole());
    return name;
  }

  /// Pointers and numbers of memrefs, put into structs as mlir-opt does.
  void arguments() {
    for (const Kernel::Array& array : kernel_.arrays) {
      const std::size_t rank = array.shape.size();
      const std::string type =
          fmt::format("!llvm.struct<(ptr, ptr, i64, array<{0} x i64>, array<{0} x i64>)>", rank);
      std::string last = fresh();
      out_ += fmt::format("{} = llvm.mlir.undef : {}\n", last, type);
      int number = 0;
      const auto argument = [&](const char* of, const std::string& member) {
        const std::string name = fmt::format("%{}_{}", array.name, number++), made = fresh();
        head_ += fmt::format("{}{}: {}", head_.empty() ? "" : ", ", name, of);
        out_ += fmt::format("{} = llvm.insertvalue {}, {}[{}] : {}\n", made, name, last, member, type);
        last = made;
      };
      argument("!llvm.ptr", "0");
      argument("!llvm.ptr", "1");
      argument("i64", "2");
      for (const int of : {3, 4})
        for (std::size_t k = 0; k < rank; ++k) argument("i64", fmt::format("{}, {}", of, k));
      described_[array.name] = {last, type};
    }
  }

  /// `i`, `i+1`, `i+k`, `i-1`, `2`.
  std::string index(const std::string& written) {
    const std::size_t sign = written.find_first_of("+-");
    const auto one = [&](const std::string& text) {
      const bool number = text.find_first_not_of("-0123456789") == std::string::npos;
      return number ? constant(std::stoi(text)) : "%" + text;
    };
    if (sign == std::string::npos || sign == 0) return one(written);
    const std::string right = written.substr(sign + (written[sign] == '+' ? 1 : 0));
    return calculated("addi", one(written.substr(0, sign)), one(right));
  }

  /// The place of `a[i, j]` as an access has it.
  std::string place(const std::string& written) {
    const std::size_t open = written.find('[');
    const std::string name = written.substr(0, open);
    const Kernel::Array& array = this->array(name);
    std::vector<std::string> indices;
    for (std::size_t at = open + 1; at < written.size();) {
      const std::size_t end = written.find_first_of(",]", at);
      indices.push_back(written.substr(at, end - at));
      at = end + (written[end] == ',' ? 2 : 1);
    }
    std::string list;
    if (form_ == Form::affine) {
      for (const std::string& one : indices) {
        std::string spaced;
        for (const char c : one)
          spaced += c == '+' || c == '-'   ? fmt::format(" {} ", c)
                    : c >= 'a' && c <= 'z' ? fmt::format("%{}", c)
                                           : std::string(1, c);
        list += (list.empty() ? "" : ", ") + spaced;
      }
      return fmt::format("%{}[{}]", name, list);
    }
    std::string sum;
    for (std::size_t k = 0; k < indices.size(); ++k) {
      const std::string one = index(indices[k]);
      list += (list.empty() ? "" : ", ") + one;
      if (form_ != Form::llvm) continue;
      int row = 1;
      for (std::size_t inner = k + 1; inner < array.shape.size(); ++inner) row *= array.shape[inner];
      const std::string part = row == 1 ? one : calculated("muli", one, constant(row));
      sum = sum.empty() ? part : calculated("addi", sum, part);
    }
    if (form_ == Form::blocks) return fmt::format("%{}[{}]", name, list);
    const std::string pointer = fresh(), made = fresh();
    const auto& [described, type] = described_.at(name);
    out_ += fmt::format("{} = llvm.extractvalue {}[1] : {}\n", pointer, described, type);
    out_ += fmt::format("{} = llvm.getelementptr {}[{}] : (!llvm.ptr, i64) -> !llvm.ptr, {}\n", made, pointer,
                        sum, array.element);
    return made;
  }
  const Kernel::Array& array(const std::string& name) const {
    for (const Kernel::Array& one : kernel_.arrays)
      if (one.name == name) return one;
    return kernel_.arrays.front();
  }

  void line(const Kernel::Line& line) {
    const std::size_t into = line.to.find('['), from = line.what.find('[');
    const char* dialect = form_ == Form::affine ? "affine" : "memref";
    if (into != std::string::npos) {
      const Kernel::Array& to = array(line.to.substr(0, into));
      const std::string at = place(line.to);
      out_ += form_ == Form::llvm
                  ? fmt::format("llvm.store %{}, {} : {}, !llvm.ptr\n", line.what, at, to.element)
                  : fmt::format("{}.store %{}, {} : {}\n", dialect, line.what, at, memref(to));
    } else if (from != std::string::npos) {
      const Kernel::Array& of = array(line.what.substr(0, from));
      const std::string at = place(line.what);
      out_ += form_ == Form::llvm
                  ? fmt::format("%{} = llvm.load {} : !llvm.ptr -> {}\n", line.to, at, of.element)
                  : fmt::format("%{} = {}.load {} : {}\n", line.to, dialect, at, memref(of));
    } else {
      const std::size_t first = line.what.find(' '), second = line.what.rfind(' ');
      out_ += fmt::format("%{} = {} %{}, %{} : {}\n", line.to, operation(line.what.substr(0, first).c_str()),
                          line.what.substr(first + 1, second - first - 1), line.what.substr(second + 1),
                          kernel_.element);
    }
  }

  void loop(std::size_t depth) {
    if (depth == kernel_.loops.size()) {
      for (const Kernel::Line& one : kernel_.body) line(one);
      return;
    }
    const Kernel::Loop& loop = kernel_.loops[depth];
    const std::string& v = loop.variable;
    if (form_ == Form::affine) {
      const bool number = loop.end.find_first_not_of("0123456789") == std::string::npos;
      out_ += fmt::format("affine.for %{} = {} to {} {{\n", v, loop.begin,
                          number ? loop.end : fmt::format("affine_map<(d0) -> (d0 + 1)>(%{})", loop.end[0]));
      this->loop(depth + 1);
      out_ += "}\n";
      return;
    }
    const bool llvm = form_ == Form::llvm;
    const char *jump = llvm ? "llvm.br" : "cf.br", *branch = llvm ? "llvm.cond_br" : "cf.cond_br";
    const std::string begin = constant(loop.begin), end = index(loop.end), step = constant(1);
    out_ += fmt::format("{0} ^{1}_head({2} : {3})\n^{1}_head(%{1}: {3}):\n", jump, v, begin, whole());
    out_ += llvm ? fmt::format("%{0}_goes = llvm.icmp \"slt\" %{0}, {1} : i64\n", v, end)
                 : fmt::format("%{0}_goes = arith.cmpi slt, %{0}, {1} : index\n", v, end);
    out_ += fmt::format("{0} %{1}_goes, ^{1}_body, ^{1}_end\n^{1}_body:\n", branch, v);
    this->loop(depth + 1);
    const std::string next = calculated("addi", "%" + v, step);
    out_ += fmt::format("{0} ^{1}_head({2} : {3})\n^{1}_end:\n", jump, v, next, whole());
  }

  const Kernel& kernel_;
  Form form_;
  std::string out_, head_;
  std::map<std::string, std::pair<std::string, std::string>> described_;
  int names_ = 0;
};

inline std::string in_form(const Kernel& kernel, KernelText::Form form) {
  return KernelText(kernel, form).text();
}

}  // namespace hone::test
