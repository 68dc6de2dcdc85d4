
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include <sys/resource.h>

#include "core/files/file_error.h"
#include "core/records/record_splitter.h"

using namespace etl;

namespace
{

/// The records as "line:text", or "line!beginning" if too long, and finally the error.
using Records = std::vector<std::string>;

Records
split(const std::vector<std::string> &chunks, bool whole_json, size_t max_record_size = 1 << 20)
{
	Records records;
	RecordSplitter splitter(max_record_size, whole_json,
							[&](const RawRecord &r) {
								records.push_back(std::to_string(r.line) +
												  (r.too_long ? "!" : ":") + std::string(r.text));
							});
	try
	{
		for (const std::string &chunk : chunks)
		{
			// on the heap, so that reading beyond the end or after the call is detected
			const std::vector<char> own(chunk.begin(), chunk.end());
			splitter.feed({own.data(), own.size()});
		}
		splitter.finish();
	}
	catch (const FileError &e)
	{
		EXPECT_EQ(e.sqlstate(), "22P04");
		records.push_back(std::string("error: ") + e.what());
	}
	return records;
}

std::vector<std::string>
chunks_of(const std::string &text, size_t size)
{
	std::vector<std::string> chunks;
	for (size_t i = 0; i < text.size(); i += size)
		chunks.push_back(text.substr(i, size));
	return chunks;
}

/// Splits the text as a whole and in chunks. The result must be the same.
Records
split(const std::string &text, bool whole_json, size_t max_record_size = 1 << 20)
{
	const Records records = split(std::vector{text}, whole_json, max_record_size);
	for (const size_t size : {1, 2, 3, 5, 8, 13, 64})
		EXPECT_EQ(split(chunks_of(text, size), whole_json, max_record_size), records)
			<< "in chunks of " << size << ": " << text;
	return records;
}

Records
lines(const std::string &text, size_t max_record_size = 1 << 20)
{
	const Records records = split(text, false, max_record_size);
	return records;
}

Records
json(const std::string &text, size_t max_record_size = 1 << 20)
{
	return split(text, true, max_record_size);
}

TEST(RecordSplitter, JsonLines)
{
	const Records expected{"1:{\"a\":1}", "2:{\"a\":2}"};
	for (const bool whole_json : {false, true})
	{
		EXPECT_EQ(split("{\"a\":1}\n{\"a\":2}\n", whole_json), expected);
		EXPECT_EQ(split("{\"a\":1}\n{\"a\":2}", whole_json), expected);
		EXPECT_EQ(split("{\"a\":1}\r\n{\"a\":2}\r\n", whole_json), expected);
		EXPECT_EQ(split("\xEF\xBB\xBF{\"a\":1}\n{\"a\":2}\n", whole_json), expected);
		EXPECT_EQ(split("  {\"a\":1}\t \n\t{\"a\":2}  ", whole_json), expected);
		EXPECT_EQ(split("{\"a\":1}\n{\"a\":2}\n\n \r\n\n", whole_json), expected);
		EXPECT_EQ(split("", whole_json), Records());
		EXPECT_EQ(split("\n", whole_json), Records());
		EXPECT_EQ(split(" \r\n\t\n  ", whole_json), Records());
		EXPECT_EQ(split("\xEF\xBB\xBF", whole_json), Records());
		EXPECT_EQ(split("1", whole_json), Records{"1:1"});
	}
}

TEST(RecordSplitter, BlankLinesCount)
{
	const Records expected{"3:{\"a\":1}", "6:{\"a\":2}"};
	for (const bool whole_json : {false, true})
	{
		EXPECT_EQ(split("\n\n{\"a\":1}\n\n \t\n{\"a\":2}\n\n", whole_json), expected);
		EXPECT_EQ(split("\xEF\xBB\xBF\r\n\r\n{\"a\":1}\r\n\r\n\r\n{\"a\":2}", whole_json),
				  expected);
	}
}

TEST(RecordSplitter, OnlyAWholeMarkAtTheBeginningIsOne)
{
	EXPECT_EQ(lines("\xEF\xBB{}\n"), Records{"1:\xEF\xBB{}"});
	EXPECT_EQ(lines("\xEF"), Records{"1:\xEF"});
	EXPECT_EQ(lines("\xEF\xBB"), Records{"1:\xEF\xBB"});
	EXPECT_EQ(lines("1\n\xEF\xBB\xBF"
					"2"),
			  (Records{"1:1", "2:\xEF\xBB\xBF"
							  "2"}));
	EXPECT_EQ(lines("\xEF\xBB\xBF\xEF\xBB\xBF"), Records{"1:\xEF\xBB\xBF"});
	EXPECT_EQ(json("\xEF\xBB\xBF[1]"), Records{"1:1"});
}

TEST(RecordSplitter, BadLinesAreRecords)
{
	EXPECT_EQ(lines("{\"a\":1\nnonsense\n{\"a\":2}\n"),
			  (Records{"1:{\"a\":1", "2:nonsense", "3:{\"a\":2}"}));
	EXPECT_EQ(lines(std::string("\0\n\xff\xfe\n}\n", 7)),
			  (Records{std::string("1:\0", 3), "2:\xff\xfe", "3:}"}));
	// a .jsonl file contains lines, whatever they look like
	EXPECT_EQ(lines("[1,\n2]\n"), (Records{"1:[1,", "2:2]"}));
	EXPECT_EQ(lines("[1,2]"), Records{"1:[1,2]"});
}

TEST(RecordSplitter, JsonLinesInAJsonFileWhoseFirstLineIsBad)
{
	const std::string rest = "{\"a\":2}\n{\"a\":[3,{}]}\n";
	const Records others{"2:{\"a\":2}", "3:{\"a\":[3,{}]}"};
	for (const char *bad :
		 {"{", "{\"a\":1", "{\"a\":", "{\"a\":1,", "{\"a", "{\"a\":\"x", "{\"a\":[", "{\"a\":[{},",
		  "{\"a\":1]", "{\"a\":1}}", "{\"a\":1} x", "{\"a\":1}{\"b\":1}", "nonsense", "}", "]",
		  "{]", "\"x", "{\"a\":\"\\", "{\"a\":{\"b\":1}"})
	{
		Records expected{"1:" + std::string(bad)};
		expected.insert(expected.end(), others.begin(), others.end());
		EXPECT_EQ(json(bad + std::string("\n") + rest), expected);
	}
	// the first line is the only one
	EXPECT_EQ(json("{\"a\":1"), Records{"1:{\"a\":1"});
	EXPECT_EQ(json("{\"a\":1\n"), Records{"1:{\"a\":1"});
	EXPECT_EQ(json("\n{\"a\":1\n\n"), Records{"2:{\"a\":1"});
}

TEST(RecordSplitter, JsonLinesOfArrays)
{
	EXPECT_EQ(json("[1,2]\n[3]\n"), (Records{"1:[1,2]", "2:[3]"}));
	EXPECT_EQ(json("\n[1,2]\n\n \nx"), (Records{"2:[1,2]", "5:x"}));
	EXPECT_EQ(json("[]\r\n{}"), (Records{"1:[]", "2:{}"}));
}

TEST(RecordSplitter, OneValueOverSeveralLines)
{
	EXPECT_EQ(json("{\n  \"a\": 1,\n  \"b\": [ 1, 2 ]\n}\n"), Records{"1:{\"a\":1,\"b\":[1,2]}"});
	EXPECT_EQ(json("\n\n{\r\n\t\"a\": \"x  y\"\r\n}"), Records{"1:{\"a\":\"x  y\"}"});
	EXPECT_EQ(json("{\"a\":{\n\"b\":[{\n},\n{}]}}\n\n\n "), Records{"1:{\"a\":{\"b\":[{},{}]}}"});
	EXPECT_EQ(json("{\n}"), Records{"1:{}"});
	// strings with brackets, quotes and escapes
	EXPECT_EQ(json("{\n\"}\\\"{\": \"]\\\\\",\n\"n\": \"\\n\"}"),
			  Records{"1:{\"}\\\"{\":\"]\\\\\",\"n\":\"\\n\"}"});
	// balanced but malformed: still one value, which the parser will refuse
	EXPECT_EQ(json("{\n\"a\": 1,\n}"), Records{"1:{\"a\":1,}"});
	EXPECT_EQ(json("{\n\"a\": 1\n2 }"), Records{"1:{\"a\":1 2}"});
	// two values are not a single value
	EXPECT_EQ(json("{\n}\n{\n}"), (Records{"1:{", "2:}", "3:{", "4:}"}));
	EXPECT_EQ(json("{\n}\n1"), (Records{"1:{", "2:}", "3:1"}));
	EXPECT_EQ(json("{\n\"a\":1\n"), (Records{"1:{", "2:\"a\":1"}));
}

TEST(RecordSplitter, OneValueHasTheSizeOfARecord)
{
	const std::string value = "{\n\"a\":\"0123456789\"\n}";
	EXPECT_EQ(json(value, value.size()), Records{"1:{\"a\":\"0123456789\"}"});
	EXPECT_EQ(json(value, value.size() - 1), (Records{"1:{", "2:\"a\":\"0123456789\"", "3:}"}));
}

TEST(RecordSplitter, Arrays)
{
	const Records expected{"1:{\"a\":1}", "2:{\"a\":[2,3]}"};
	for (const char *text :
		 {"[{\"a\":1},{\"a\":[2,3]}]", "[{\"a\":1},{\"a\":[2,3]}]\n\n",
		  " [ {\"a\":1} , {\"a\":[2,3]} ] ", "[\n{\"a\":1},\n{\"a\":[2,3]}\n]\n",
		  "[\r\n{\"a\":1}\r\n,{\"a\":[2,3]}]\r\n",
		  "\n\n[\n  {\n    \"a\": 1\n  },\n  {\n    \"a\": [\n      2,\n      3\n    ]\n  }\n]\n",
		  "\xEF\xBB\xBF[{\"a\":1},\n{\"a\":[2,3]}]", "[{\"a\":1},{\"a\":[2,3]}\n]"})
		EXPECT_EQ(json(text), expected) << text;
	EXPECT_EQ(json("[]"), Records());
	EXPECT_EQ(json("[ \n ]\n"), Records());
	EXPECT_EQ(json("[1, \"x\" ,null, [], [[1],[2]], {}]"),
			  (Records{"1:1", "2:\"x\"", "3:null", "4:[]", "5:[[1],[2]]", "6:{}"}));
}

TEST(RecordSplitter, ArrayElementsKeepTheirBlanksOnOneLine)
{
	EXPECT_EQ(json("[ {\"a\": 1, \"b\" : \"x  y\"} ]"), Records{"1:{\"a\": 1, \"b\" : \"x  y\"}"});
	EXPECT_EQ(json("[ {\"a\": 1,\n \"b\" : \"x  y\"} ]"), Records{"1:{\"a\":1,\"b\":\"x  y\"}"});
}

TEST(RecordSplitter, StringsInArrays)
{
	EXPECT_EQ(
		json("[{\"a\":\"],[\"},\n{\"b\":\"\\\"]\\\\\"},\"}{\",\"\\\\\\\"\"]"),
		(Records{"1:{\"a\":\"],[\"}", "2:{\"b\":\"\\\"]\\\\\"}", "3:\"}{\"", "4:\"\\\\\\\"\""}));
	EXPECT_EQ(json("[\n\"\\n\\u000a\",\n\"\\\\n\"]"), (Records{"1:\"\\n\\u000a\"", "2:\"\\\\n\""}));
}

TEST(RecordSplitter, PuttingOnOneLineMakesNothingValid)
{
	EXPECT_EQ(json("[1\n2,\n3]"), (Records{"1:1 2", "2:3"}));
	EXPECT_EQ(json("[tr\nue,\n\"a\"\n\"b\"]"), (Records{"1:tr ue", "2:\"a\"\"b\""}));
	// a line feed in a string becomes another forbidden character
	EXPECT_EQ(json("[{\"a\":\"x\n\"},\n{\"b\":1}]"),
			  (Records{"1:{\"a\":\"x\t\"},", "2:{\"b\":1}"}));
}

TEST(RecordSplitter, EmptyElementsAreRecords)
{
	EXPECT_EQ(json("[1,,2]"), (Records{"1:1", "2:", "3:2"}));
	EXPECT_EQ(json("[1,\n]"), (Records{"1:1", "2:"}));
	// several missing elements in a row are one record, with the position of the first
	EXPECT_EQ(json("[,]"), (Records{"1:"}));
	EXPECT_EQ(json("[{},,,1,,]"), (Records{"1:{}", "2:", "4:1", "5:"}));
}

TEST(RecordSplitter, AMalformedElementCostsNoOthers)
{
	const auto third = [](const std::string &text)
	{
		const Records records = json(text);
		EXPECT_EQ(records.size(), 3u) << text;
		EXPECT_EQ(records.front(), "1:{\"a\":1}") << text;
		EXPECT_EQ(records.back(), "3:{\"a\":3}") << text;
		return records.size() > 1 ? records[1] : "";
	};
	// elements on one line
	EXPECT_EQ(third("[{\"a\":1},{\"a\":2,},{\"a\":3}]"), "2:{\"a\":2,}");
	EXPECT_EQ(third("[{\"a\":1},nonsense,{\"a\":3}]"), "2:nonsense");
	EXPECT_EQ(third("[{\"a\":1},{\"a\":[2},{\"a\":3}]"), "2:{\"a\":[2}");
	EXPECT_EQ(third("[{\"a\":1},{\"a\":2]},{\"a\":3}]"), "2:{\"a\":2]}");
	EXPECT_EQ(third("[{\"a\":1},{\"a\":2}},{\"a\":3}]"), "2:{\"a\":2}}");
	EXPECT_EQ(third("[{\"a\":1},{\"a\":2 , {\"a\":3}]"), "2:{\"a\":2");
	EXPECT_EQ(third("[{\"a\":1},{\"a\":{\"b\":2},{\"a\":3}]"), "2:{\"a\":{\"b\":2}");
	// elements over several lines
	EXPECT_EQ(third("[\n{\"a\":1},\n{\"a\":\"2},\n{\"a\":3}\n]"), "2:{\"a\":\"2},");
	EXPECT_EQ(third("[\n{\"a\":1},\n{\"a\":2\n{\"a\":3}\n]"), "2:{\"a\":2");
	EXPECT_EQ(third("[\n{\"a\":1},\n{\"a\":2,\n{\"a\":3}\n]"), "2:{\"a\":2");
	EXPECT_EQ(third("[\n{\n\"a\":1\n},\n{\n\"a\": \"x\ny\"\n},\n{\n\"a\":3\n}\n]"),
			  "2:{\"a\":\"x\ty\"\t}");
}

TEST(RecordSplitter, ArraysMustEndWell)
{
	const std::string unclosed = "error: array of records is not closed at the end of the file";
	EXPECT_EQ(json("["), Records{unclosed + " (after 0 records)"});
	EXPECT_EQ(json("[\n"), Records{unclosed + " (after 0 records)"});
	EXPECT_EQ(json("[1"), Records{unclosed + " (after 0 records)"});
	EXPECT_EQ(json("[{\"a\":1},\n{\"a\":2"),
			  (Records{"1:{\"a\":1}", unclosed + " (after 1 records)"}));
	EXPECT_EQ(json("[1,"), (Records{"1:1", unclosed + " (after 1 records)"}));
	EXPECT_EQ(json("[\"]"), Records{unclosed + " (after 0 records)"});
	EXPECT_EQ(json("[[1]"), Records{unclosed + " (after 0 records)"});
	const std::string followed = "error: array of records is followed by something at byte ";
	EXPECT_EQ(json("[1] x"), (Records{"1:1", followed + "4"}));
	EXPECT_EQ(json("[1]]"), (Records{"1:1", followed + "3"}));
	EXPECT_EQ(json(" \xEF\xBB\xBF"), Records{"1:\xEF\xBB\xBF"});
	EXPECT_EQ(json("\xEF\xBB\xBF\n[\n1]\n\n[2]"), (Records{"1:1", followed + "10"}));
	EXPECT_EQ(json("[1\n],"), (Records{"1:1", followed + "4"}));
}

TEST(RecordSplitter, LinesUpToTheLimit)
{
	for (const bool whole_json : {false, true})
	{
		EXPECT_EQ(split("\"12345678\"\n1\n", whole_json, 10), (Records{"1:\"12345678\"", "2:1"}));
		EXPECT_EQ(split("\"123456789\"\n1\n", whole_json, 10), (Records{"1!\"123456789", "2:1"}));
		EXPECT_EQ(split("1\n\"123456789\"", whole_json, 10), (Records{"1:1", "2!\"123456789"}));
		// blanks at both ends do not belong to the record
		EXPECT_EQ(split("     \"12345678\"            \r\n1", whole_json, 10),
				  (Records{"1:\"12345678\"", "2:1"}));
		EXPECT_EQ(split("{\"a\":1000}               x\n1", whole_json, 10),
				  (Records{"1!{\"a\":1000}", "2:1"}));
	}
	const std::string line = "{\"a\":\"" + std::string(5000, 'x') + "\"}";
	EXPECT_EQ(json(line + "\n{}", line.size()), (Records{"1:" + line, "2:{}"}));
	EXPECT_EQ(json(line + "\n{}", line.size() - 1), (Records{"1!" + line.substr(0, 1024), "2:{}"}));
}

TEST(RecordSplitter, ElementsUpToTheLimit)
{
	EXPECT_EQ(json("[\"12345678\",1]", 10), (Records{"1:\"12345678\"", "2:1"}));
	EXPECT_EQ(json("[\"123456789\",1]", 10), (Records{"1!\"123456789", "2:1"}));
	EXPECT_EQ(json("[\n\"12345678\"            \n,1\n]", 10), (Records{"1:\"12345678\"", "2:1"}));
	EXPECT_EQ(json("[\n{\"a\":\n\"123456789\"},\n1\n]", 10), (Records{"1!{\"a\":\"123", "2:1"}));
	// the comma or bracket after which the element turns out to be unclosed does not belong to it
	EXPECT_EQ(json("[\n{\"a\":1234,           \n{\"b\":1}\n]", 9),
			  (Records{"1:{\"a\":1234", "2:{\"b\":1}"}));
	// an array on one line that is longer than a record may be
	std::string text = "[", comma;
	Records expected;
	for (int i = 1; i <= 1000; ++i)
	{
		text += comma + "{\"a\":1}";
		comma = ",";
		expected.push_back(std::to_string(i) + ":{\"a\":1}");
	}
	EXPECT_EQ(json(text + "]\n", 100), expected);
}

TEST(RecordSplitter, CutsBetweenCharacters)
{
	for (const std::string &character :
		 {std::string("\xC3\xA4"), std::string("\xE2\x82\xAC"), std::string("\xF0\x9F\x98\x80")})
		for (size_t before = 0; before < 8; ++before)
		{
			std::string text(before, 'x');
			while (text.size() < 5000)
				text += character;
			const size_t kept = before + (1024 - before) / character.size() * character.size();
			EXPECT_EQ(lines(text, 2000), Records{"1!" + text.substr(0, kept)});
			EXPECT_EQ(json("[" + text + "]", 2000), Records{"1!" + text.substr(0, kept)});
		}
	// text that is not UTF-8 is cut at any byte
	EXPECT_EQ(lines(std::string(3000, '\x80'), 2000), Records{"1!" + std::string(1024, '\x80')});
	EXPECT_EQ(lines(std::string(3000, '\xff'), 2000), Records{"1!" + std::string(1024, '\xff')});
}

TEST(RecordSplitter, ZeroCopyInsideAChunk)
{
	for (const std::string &text : {std::string("{\"a\":1}\n {\"b\":2} \r\n{\"c\":3}\n"),
									std::string("[\n{\"a\":1},\n{\"b\":2}\n]")})
	{
		int records = 0;
		RecordSplitter splitter(100, true,
								[&](const RawRecord &r)
								{
									EXPECT_GE(r.text.data(), text.data());
									EXPECT_LT(r.text.data(), text.data() + text.size());
									++records;
								});
		splitter.feed(text);
		splitter.finish();
		EXPECT_GE(records, 2);
	}
}

/// Hostile files: a record that does not end must not take more memory than one record.
TEST(RecordSplitter, MemoryIsBounded)
{
	const std::string open_brackets(1 << 20, '['), open_objects(1 << 20, '{'),
		letters(1 << 20, 'x'), blanks(1 << 20, ' '), commas(1 << 20, ',');
	for (const std::string &begin : {std::string(), std::string("{"), std::string("[\n"),
									 std::string("[\n\""), std::string("{\n\"")})
		for (const std::string &chunk : {open_brackets, open_objects, letters, blanks, commas})
		{
			struct rusage before, after;
			getrusage(RUSAGE_SELF, &before);
			uint64_t delivered = 0;
			RecordSplitter splitter(1 << 20, true,
									[&](const RawRecord &r) { delivered += r.text.size(); });
			splitter.feed(begin);
			for (int i = 0; i < 64; ++i)
				splitter.feed(chunk);
			try
			{
				splitter.finish();
			}
			catch (const FileError &)
			{
			}
			getrusage(RUSAGE_SELF, &after);
			EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 24 * 1024) << "kB " << begin << chunk[0];
			EXPECT_LE(delivered, 2u << 20);
		}
}

/// Makes random combinations of the texts that have a meaning for the splitter.
class Generator
{
  public:
	explicit Generator(unsigned seed) : random_(seed) {}

	std::string anything()
	{
		static const char *const pieces[] = {"[",
											 "]",
											 "{",
											 "}",
											 ",",
											 ":",
											 "\"",
											 "\\",
											 "\n",
											 "\r\n",
											 " ",
											 "\t",
											 "1",
											 "-2.5e3",
											 "true",
											 "\"a\"",
											 "\"a\":",
											 "{\"a\":1}",
											 "{\"a\":[1,{\"b\":\"]\"}]}",
											 "\\\"",
											 "\xC3\xA4",
											 "\xEF\xBB\xBF",
											 "\xff",
											 "},\n{",
											 "[\n",
											 "\n]",
											 ",\n",
											 "\"\n"};
		std::string text;
		for (unsigned n = below(25); n > 0; --n)
			text += pieces[below(std::size(pieces))];
		return text;
	}
	/// A valid value with white space between its tokens, including line feeds if allowed.
	std::string value(unsigned depth, bool line_feeds)
	{
		const unsigned kind = below(depth == 0 ? 4 : 6);
		if (kind == 0)
			return std::to_string(below(1000));
		if (kind == 1)
			return below(2) != 0 ? "true" : "null";
		if (kind <= 3)
			return string();
		std::string text = kind == 4 ? "[" : "{", comma;
		for (unsigned n = below(4); n > 0; --n)
		{
			text += comma + space(line_feeds);
			if (kind == 5)
				text += string() + space(line_feeds) + ":" + space(line_feeds);
			text += value(depth - 1, line_feeds) + space(line_feeds);
			comma = ",";
		}
		return text + space(line_feeds) + (kind == 4 ? "]" : "}");
	}
	std::string string()
	{
		static const char *const pieces[] = {"a",    " ",    "{",   "]",       ",",
											 "\\\"", "\\\\", "\\n", "\xC3\xA4"};
		std::string text = "\"";
		for (unsigned n = below(6); n > 0; --n)
			text += pieces[below(std::size(pieces))];
		return text + "\"";
	}
	std::string space(bool line_feeds)
	{
		static const char *const pieces[] = {"", "", " ", "\t", "\n", "\r\n  "};
		return pieces[below(line_feeds ? 6 : 4)];
	}
	unsigned below(size_t n) { return static_cast<unsigned>(random_() % n); }
	std::vector<std::string> chunks(const std::string &text)
	{
		std::vector<std::string> chunks;
		for (size_t i = 0; i < text.size();)
		{
			const size_t n = 1 + below(1 + below(12));
			chunks.push_back(text.substr(i, n));
			i += n;
		}
		return chunks;
	}

  private:
	std::mt19937 random_;
};

TEST(RecordSplitter, ChunksMakeNoDifference)
{
	Generator generator(2026);
	for (int i = 0; i < 30000; ++i)
	{
		const std::string text = generator.anything();
		const bool whole_json = generator.below(3) != 0;
		const size_t max = generator.below(2) != 0 ? 1000 : generator.below(20);
		const Records whole = split(std::vector{text}, whole_json, max);
		ASSERT_EQ(split(chunks_of(text, 1), whole_json, max), whole) << text;
		ASSERT_EQ(split(generator.chunks(text), whole_json, max), whole) << text;
		for (const std::string &record : whole)
			ASSERT_EQ(record.find('\n'), std::string::npos) << text;
	}
}

std::string
without_space(const std::string &text)
{
	std::string out;
	bool in_string = false;
	for (size_t i = 0; i < text.size(); ++i)
	{
		if (in_string && text[i] == '\\')
			out += text[i++];
		else if (text[i] == '"')
			in_string = !in_string;
		if (in_string || std::string_view(" \t\r\n").find(text[i]) == std::string_view::npos)
			out += text[i];
	}
	return out;
}

TEST(RecordSplitter, GivesBackWhatValidFilesHold)
{
	Generator generator(7);
	for (int i = 0; i < 3000; ++i)
	{
		const unsigned count = generator.below(8);
		// an array of records
		std::string array = "[", comma;
		Records expected;
		for (unsigned n = 1; n <= count; ++n)
		{
			const std::string value = generator.value(4, true);
			array += comma + generator.space(true) + value + generator.space(true);
			comma = ",";
			expected.push_back(
				std::to_string(n) + ":" +
				(value.find('\n') == std::string::npos ? value : without_space(value)));
		}
		array += generator.space(true) + "]" + generator.space(true);
		ASSERT_EQ(split(generator.chunks(array), true), expected) << array;
		// JSON Lines
		std::string text;
		uint64_t line = 1;
		expected.clear();
		for (unsigned n = 0; n < count + 2; ++n)
		{
			const std::string value = generator.value(4, false);
			const unsigned blank_lines = generator.below(3);
			text += std::string(blank_lines, '\n') + generator.space(false) + value +
					generator.space(false) + (generator.below(2) != 0 ? "\n" : "\r\n");
			line += blank_lines;
			expected.push_back(std::to_string(line++) + ":" + value);
		}
		ASSERT_EQ(split(generator.chunks(text), false), expected) << text;
		ASSERT_EQ(split(generator.chunks(text), true), expected) << text;
	}
}

} // namespace
