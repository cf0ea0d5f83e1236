// Any text gets a quantizer that prints and is read back, or an error with a place in it.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "engine/formats/catalog.h"
#include "engine/formats/modifiers.h"
#include "tests/engine/formats/test_formats.h"

namespace bitscape::formats {
namespace {

// Every word that a notation can hold after its family, values included.
std::vector<std::string> ModifierWords() {
  std::vector<std::string> words;
  for (const Modifier& modifier : Modifiers()) {
    if (!modifier.TakesValue()) {
      words.emplace_back(modifier.name);
      continue;
    }
    const std::string stem(
        modifier.name.substr(0, modifier.name.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ")));
    for (const char* value : {"1", "5", "16", "32", "99.9", "-2", "0", "1e-07", "int8", "fp16",
                              "e4m3", "bf16", "200"}) {
      words.push_back(stem + value);
    }
  }
  return words;
}

std::vector<std::string> FamilyWords() {
  std::vector<std::string> words = TestFormats();
  for (const std::string& name : LevelSetTestFormats()) words.push_back(name);
  for (const CatalogRow& row : Catalog()) {
    if (row.preset) words.emplace_back(row.name);
  }
  return words;
}

int ColumnOf(const absl::Status& status) {
  const std::string message(status.message());
  if (!message.starts_with("column ")) return -1;
  return std::stoi(message.substr(7));
}

// What every text gets: a quantizer that prints and is read back, or an error with a place in it.
void CheckAnswer(const std::string& notation) {
  const absl::StatusOr<Quantizer> parsed = ParseQuantizer(notation);
  if (!parsed.ok()) {
    RC_ASSERT(parsed.status().code() == absl::StatusCode::kInvalidArgument);
    const int column = ColumnOf(parsed.status());
    RC_ASSERT(column >= 1);
    RC_ASSERT(column <= static_cast<int>(notation.size()) + 1);
    return;
  }
  const std::string printed = parsed->ToString();
  const absl::StatusOr<Quantizer> again = ParseQuantizer(printed);
  RC_ASSERT(again.ok());
  RC_ASSERT(*again == *parsed);
  RC_ASSERT(again->ToString() == printed);
}

TEST(NotationPairs, EveryFamilyAndModifierParsesOrNamesTheToken) {
  const std::vector<std::string> words = ModifierWords();
  int accepted = 0, refused = 0;
  for (const std::string& family : FamilyWords()) {
    for (const std::string& word : words) {
      const std::string notation = family + ":" + word;
      const absl::StatusOr<Quantizer> parsed = ParseQuantizer(notation);
      if (parsed.ok()) {
        ++accepted;
        EXPECT_EQ(MustParse(parsed->ToString()), *parsed) << notation;
        continue;
      }
      ++refused;
      const std::string message(parsed.status().message());
      const int column = ColumnOf(parsed.status());
      EXPECT_GE(column, 1) << notation << ": " << message;
      // The problem stands in the first line: the second repeats the text.
      const std::string problem = message.substr(0, message.find('\n'));
      const std::string stem = word.substr(0, word.find_first_of("=0123456789-"));
      const bool names = problem.find(word) != std::string::npos ||
                         problem.find(stem) != std::string::npos ||
                         problem.find(word.substr(word.find('=') + 1)) != std::string::npos ||
                         problem.find("no scale from the data") != std::string::npos;
      EXPECT_TRUE(names) << notation << ": " << message;
    }
  }
  EXPECT_GT(accepted, 1000);
  EXPECT_GT(refused, 1000);
}

// One format, one name: what differs prints differently.
TEST(NotationPairs, DifferentQuantizersPrintDifferently) {
  std::map<std::string, Quantizer> printed;
  std::map<std::string, NumberFormat> named;
  const std::vector<std::string> words = ModifierWords();
  for (const std::string& family : FamilyWords()) {
    for (const std::string& word : words) {
      const absl::StatusOr<Quantizer> parsed = ParseQuantizer(family + ":" + word);
      if (!parsed.ok()) continue;
      EXPECT_EQ(printed.emplace(parsed->ToString(), *parsed).first->second, *parsed);
      EXPECT_EQ(named.emplace(parsed->format.name, parsed->format).first->second, parsed->format);
    }
  }
  // And what is equal prints equally: no two names hold one format.
  for (auto first = named.begin(); first != named.end(); ++first) {
    NumberFormat renamed = first->second;
    for (auto second = std::next(first); second != named.end(); ++second) {
      renamed.name = second->second.name;
      renamed.source = second->second.source;
      EXPECT_FALSE(renamed == second->second) << first->first << " and " << second->first;
    }
  }
}

RC_GTEST_PROP(NotationProperty, AnswersAnyCombination, ()) {
  static const std::vector<std::string>* const families =
      new std::vector<std::string>(FamilyWords());
  static const std::vector<std::string>* const words =
      new std::vector<std::string>(ModifierWords());
  std::string notation = *rc::gen::elementOf(*families);
  const int count = *rc::gen::inRange(0, 5);
  for (int i = 0; i < count; ++i) {
    const std::string word = *rc::gen::elementOf(*words);
    // Words that don't apply are left out, so that long combinations are reached.
    if (ParseQuantizer(notation + ":" + word).ok() || *rc::gen::inRange(0, 20) == 0) {
      notation += ":" + word;
    }
  }
  CheckAnswer(notation);
}

RC_GTEST_PROP(NotationProperty, TheOrderOfModifiersIsFree, ()) {
  static const std::vector<std::string>* const families =
      new std::vector<std::string>(FamilyWords());
  static const std::vector<std::string>* const words =
      new std::vector<std::string>(ModifierWords());
  const std::string family = *rc::gen::elementOf(*families);
  std::vector<std::string> taken;
  std::string notation = family;
  for (int i = 0; i < 8; ++i) {
    const std::string word = *rc::gen::elementOf(*words);
    if (!ParseQuantizer(notation + ":" + word).ok()) continue;
    notation += ":" + word;
    taken.push_back(word);
  }
  std::string reversed = family;
  for (size_t i = taken.size(); i > 0; --i) reversed += ":" + taken[i - 1];
  // A row's own modifiers ("log4:fsr") stay in front, so only the words' order changed.
  RC_ASSERT(MustParse(reversed) == MustParse(notation));
}

RC_GTEST_PROP(NotationProperty, AnswersAnyText, (const std::string& text)) {
  CheckAnswer(text);
  CheckAnswer("int8:" + text);
  CheckAnswer(text + ":channel");
}

// Texts of the letters that notations are made of reach further than random bytes.
RC_GTEST_PROP(NotationProperty, AnswersAlmostNotations, ()) {
  const std::string letters = "abefilmnopstxz0123489:=._-";
  const auto text = *rc::gen::container<std::string>(rc::gen::elementOf(letters));
  const std::string family = *rc::gen::elementOf(
      std::vector<std::string>{"", "e4m3", "bfp", "mxfp", "log4:", "codebook16:", "af8_",
                               "cfloat8_1_4_3:", "codebook4:entries="});
  CheckAnswer(family + text);
}

}  // namespace
}  // namespace bitscape::formats
