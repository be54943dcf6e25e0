#include "model/conditions.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include "model/files/condition_file.h"

namespace tapeline::model {
namespace {

Verdict together(std::initializer_list<std::string_view> codes) {
  Verdict out;
  for (const std::string_view code : codes) out &= finnhub_conditions().of(code);
  return out;
}

std::string refusal(std::string_view text) {
  const auto parsed = ConditionTable::parse(text);
  return parsed ? "taken: " + parsed.value().text() : parsed.error().message();
}

TEST(FinnhubConditions, AreThoseOfTheSheet) {
  // Written down from the published table, not from the file: 34, 36 and 41 are unverified there
  // and exclude nothing; 9, 21, 30 and 32 are "no, unless the only one of the day" on the tape.
  EXPECT_EQ(finnhub_conditions().text(),
            "finnhub 1 1:LHV 2:LHV 3:V 4:LHV 5:V 6:LHV 7:LHV 8:LHV 9:cHV 10:V 11:V 12:V 13:LHV "
            "14:LHV 15:LHV 16:- 17:V 18:HV 19:LHV 20:H 21:cHV 22:V 23:LHV 24:LHVx 25:Vx 26:V 27:- "
            "28:LHV 29:LHV 30:cHV 31:- 32:cHV 33:LHV 34:LHV 35:LHVz 36:LHVz 37:V 38:- 39:- 40:- "
            "41:LHV");
  std::string unverified;
  for (const ConditionName& known : condition_names())
    if (known.unverified) unverified += std::to_string(known.code) + " ";
  EXPECT_EQ(unverified, "34 36 41 ");
}

TEST(FinnhubConditions, CombineByAnd) {
  EXPECT_EQ(together({}), Verdict{});
  EXPECT_EQ(together({"1", "8"}), Verdict{});
  EXPECT_EQ(together({"1", "8", "12"}).rights, Rights(Rights::kVolume));
  EXPECT_EQ(together({"12", "16"}).rights, Rights(0));
  EXPECT_TRUE(together({"30"}).rights.last_if_only());
  EXPECT_TRUE(together({"30", "1", "32"}).rights.last_if_only());
  EXPECT_FALSE(together({"30", "12"}).rights.last_if_only()) << "an odd lot never opens or closes";
  EXPECT_FALSE(together({"30", "12"}).rights.last());
  EXPECT_EQ(together({"24", "36"}).mark, SessionMark::extended);
  EXPECT_EQ(together({"36", "24"}).mark, SessionMark::extended);
  EXPECT_EQ(together({"1", "36"}).mark, SessionMark::closing);
}

TEST(FinnhubConditions, UnknownCodesRestrictNothing) {
  for (const char* code : {"42", "255", "256", "999", "0", "01", "", "tape:X", "-1", "1 ", "1x"})
    EXPECT_EQ(finnhub_conditions().of(code), Verdict{}) << code;
}

TEST(FinnhubConditions, HaveNames) {
  EXPECT_EQ(condition_name("12"), "Odd Lot Trade");
  EXPECT_EQ(condition_name("41"), "Trade-Through Exempt");
  EXPECT_EQ(condition_name("42"), std::nullopt);
  EXPECT_EQ(condition_name("tape:X"), std::nullopt);
}

TEST(Verdict, IsSaidInWords) {
  EXPECT_EQ(in_words(together({"1"})), "");
  EXPECT_EQ(in_words(together({"12"})), "no open or close, no high or low");
  EXPECT_EQ(in_words(together({"16"})), "no open or close, no high or low, no volume");
  EXPECT_EQ(in_words(together({"30"})),
            "open and close only as the first or only trade of its day");
  EXPECT_EQ(in_words(together({"24"})), "of extended hours");
  EXPECT_EQ(in_words(together({"36"})), "of the regular session's end");
}

TEST(ConditionTable, WithoutANameKnowsExtendedHoursOnly) {
  const ConditionTable none;
  EXPECT_EQ(none.text(), "none");
  EXPECT_EQ(none.of("24"), (Verdict{Rights(), SessionMark::extended}));
  EXPECT_EQ(none.of("25"), (Verdict{Rights(), SessionMark::extended}));
  EXPECT_EQ(none.of("12"), Verdict{});
  EXPECT_EQ(none.of("36"), Verdict{});
  EXPECT_EQ(ConditionTable::parse("none").value(), none);
}

TEST(ConditionTable, IsReadBackFromItsText) {
  const auto parsed = ConditionTable::parse(finnhub_conditions().text());
  EXPECT_EQ(parsed.value(), finnhub_conditions());
  for (int code = 0; code <= 300; ++code) {
    const std::string text = std::to_string(code);
    EXPECT_EQ(parsed.value().of(text), finnhub_conditions().of(text)) << code;
  }
  EXPECT_EQ(ConditionTable::parse("a 1").value().of("24"), Verdict{}) << "a table replaces all";
}

TEST(ConditionTable, SaysWhatIsWrongWithAText) {
  EXPECT_EQ(refusal(""), "condition table: it must begin like 'finnhub 1', or be 'none'");
  EXPECT_EQ(refusal("x y"), "condition table: it must begin like 'finnhub 1', or be 'none'");
  EXPECT_EQ(refusal("X 1"),
            "condition table: its name must be of at most 32 of a-z, 0-9, - and _, and not 'none'");
  EXPECT_EQ(refusal("x 0"), "condition table: version 0 is not from 1 to 999999");
  EXPECT_EQ(refusal("x 1 256:V"), "condition table: code 256 is not from 1 to 255");
  EXPECT_EQ(refusal("x 1 3:LV"),
            "condition table: code 3 may open and close a bar and so must count for high and low");
  EXPECT_EQ(refusal("x 1 3:V 3:HV"), "condition table: code 3 is named twice");
  for (const char* text : {"3:VH", "3:LcHV", "3:Q", "a:V", "3:Vxz", "-3:V", "3:-V"}) {
    EXPECT_EQ(refusal(std::string("x 1 ") + text),
              fmt::format("condition table: '{}' is no condition such as 3:V, 16:-, 30:cHV or "
                          "24:LHVx",
                          text));
  }
  for (const char* text : {"x 1 4:V 3:V", "x 1 3:V ", "x 1 03:V", "x 1 3:", "x 1 3"}) {
    EXPECT_EQ(refusal(text),
              "condition table: its text is not in the usual form: codes ascend, no space at the "
              "end")
        << text;
  }
  EXPECT_EQ(refusal(std::string(5'000, 'x')),
            "condition table: its text has 5000 bytes, more than 4096");
}

RC_GTEST_PROP(ConditionTable, TakesOnlyItsOwnTexts, ()) {
  std::string text = finnhub_conditions().text();
  const size_t at = *rc::gen::inRange<size_t>(0, text.size());
  text[at] = static_cast<char>(*rc::gen::inRange(0, 256));
  const auto parsed = ConditionTable::parse(text);
  if (parsed) RC_ASSERT(parsed.value().text() == text);
}

TEST(ConditionFile, SaysEverythingThatIsWrong) {
  const auto parsed = parse_condition_file(R"(name = "x"
version = 1
[[condition]]
code = 300
name = "Far"
last = "sometimes"
high_low = true
volume = true
[[condition]]
code = 34
name = "Doubted"
last = false
high_low = true
volume = true
unverified = true
letter = ";"
session = "night"
typo = 1
)",
                                           "x.toml");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(
      parsed.error().message(),
      "cannot read x.toml: line 3, condition \"Far\": code must be a whole number from 1 to "
      "255; line 3, condition \"Far\": needs code and name; line 3, condition \"Far\": last "
      "must be true, false or \"conditional\"; line 9, condition \"Doubted\": letter must be "
      "one character of ASCII, and no ';'; line 9, condition \"Doubted\": session must be "
      "\"extended\" or \"closing\"; line 9, condition \"Doubted\": what is unverified may "
      "not exclude: it must have all rights; line 9, condition \"Doubted\": unknown key typo; "
      "known are code, name, last, high_low, volume, letter, session, unverified");
}

TEST(ConditionFile, RefusesALetterOfTwoCodes) {
  const auto parsed = parse_condition_file(R"(name = "x"
version = 1
[[condition]]
code = 1
name = "One"
last = true
high_low = true
volume = true
letter = "@"
[[condition]]
code = 2
name = "Two"
last = true
high_low = true
volume = true
letter = "@"
)",
                                           "x.toml");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message(),
            "cannot read x.toml: line 10, condition \"Two\": letter @ is another code's already");
}

}  // namespace
}  // namespace tapeline::model
