// The words that sample people, places and products are made of.
#pragma once

#include <span>
#include <string_view>

namespace sample
{

using Words = std::span<const std::string_view>;

/// How names and addresses of a country look. In patterns '#' is a digit, '?' a capital letter.
struct Country
{
	std::string_view name;
	Words first_names, last_names, streets, cities;
	std::string_view postcode, phone;
	bool number_first; ///< "12 High Street", not "Hauptstraße 12"
	unsigned share;    ///< of 100 customers
};

namespace words
{

// clang-format off
constexpr std::string_view uk_first[] = {
	"Amelia", "Oliver", "Isla", "George", "Ava", "Noah", "Mia", "Arthur", "Freya", "Harry", "Lily", "Leo",
	"Florence", "Muhammad", "Willow", "Jack", "Rosie", "Charlie", "Sophia", "Oscar", "Grace", "Jacob",
	"Evie", "Henry", "Anne-Marie", "Thomas", "Ivy", "Freddie", "Priya", "Alfie", "Zoë", "Theo", "Chloë",
	"Finley", "Daisy", "Archie", "Phoebe", "Rhys", "Gwen", "Callum", "Ailsa", "Hamish", "Imran", "Yusuf"};
constexpr std::string_view uk_last[] = {
	"Smith", "Jones", "Taylor", "Brown", "Williams", "Wilson", "Johnson", "Davies", "Patel", "Robinson",
	"Wright", "Thompson", "Evans", "Walker", "White", "Roberts", "Green", "Hall", "Wood", "Jackson",
	"Clarke", "Khan", "Hughes", "Begum", "Lewis", "Martin", "Turner", "Hill", "Cooper", "Morris", "Ward",
	"Moore", "Clark", "Baker", "Harrison", "King", "Parry-Jones", "Lee", "Allen", "MacDonald", "St. John"};
constexpr std::string_view uk_street[] = {
	"High Street", "Station Road", "Church Lane", "Mill Road", "Victoria Road", "Green Lane", "Manor Road",
	"Park Avenue", "Queens Road", "The Crescent", "Albert Road", "Kingsway", "Orchard Close", "York Road",
	"Springfield Road", "Chestnut Drive", "Highfield Avenue", "Windsor Gardens", "Bridge Street",
	"Grange Road", "School Lane", "Alexandra Terrace", "St. Mary's Square", "Old Forge Mews"};
constexpr std::string_view uk_city[] = {
	"Ashbourne", "Barnstaple", "Cirencester", "Dunfermline", "Evesham", "Falmouth", "Grantham", "Hexham",
	"Ilkley", "Jedburgh", "Kettering", "Llandudno", "Macclesfield", "Newport", "Oakham", "Pontypridd",
	"Stoke-on-Trent", "Ripon", "Stamford", "Tewkesbury", "Ulverston", "Whitby", "Yeovil", "Bishop's Castle"};
constexpr std::string_view ie_first[] = {
	"Seán", "Aoife", "Conor", "Niamh", "Cian", "Saoirse", "Oisín", "Ciara", "Pádraig", "Róisín", "Darragh",
	"Gráinne", "Fionn", "Órla", "Tadhg", "Caoimhe", "Eoin", "Sinéad", "Rory", "Áine", "Liam", "Maeve"};
constexpr std::string_view ie_last[] = {
	"Murphy", "O'Brien", "Kelly", "O'Sullivan", "Byrne", "Walsh", "O'Connor", "Ryan", "Ní Dhomhnaill",
	"Doyle", "McCarthy", "Gallagher", "O'Doherty", "Kennedy", "Lynch", "Ó Súilleabháin", "Quinn", "Daly",
	"Nolan", "Fitzgerald", "Brennan", "MacMahon"};
constexpr std::string_view ie_street[] = {
	"Main Street", "Castle Road", "Patrick Street", "Abbey Court", "Harbour View", "Strand Road",
	"Shannon Park", "O'Connell Street", "Chapel Lane", "Bóthar na Trá", "Marian Terrace", "Fairgreen"};
constexpr std::string_view ie_city[] = {
	"Athlone", "Ballina", "Clonmel", "Dundalk", "Ennis", "Fermoy", "Gorey", "Kinsale", "Letterkenny",
	"Mullingar", "Naas", "Sligo", "Tralee", "Dún Laoghaire", "Westport"};
constexpr std::string_view fr_first[] = {
	"Chloé", "Jules", "Émilie", "Gaël", "Inès", "Raphaël", "Léa", "Noël", "Zoé", "Théo", "Anaïs", "Hélène",
	"François", "Margaux", "Benoît", "Maëlys", "Jérôme", "Agnès", "Loïc", "Solène"};
constexpr std::string_view fr_last[] = {
	"Lefèvre", "Dubois", "Moreau", "Garçon", "Béranger", "Girard", "Roux", "Gauthier", "D'Argent", "Brûlé",
	"Chevalier", "Noël", "Aubert", "Fontaine", "Rousseau", "Meunier", "Lacroix", "Delaunay"};
constexpr std::string_view fr_street[] = {
	"rue de la République", "avenue Victor Hugo", "rue du Général Leclerc", "place de l'Église",
	"chemin des Écoliers", "boulevard Gambetta", "rue des Lilas", "impasse du Moulin", "quai Saint-Michel"};
constexpr std::string_view fr_city[] = {
	"Besançon", "Nîmes", "Orléans", "Béziers", "Saint-Étienne", "Angoulême", "L'Haÿ-les-Roses", "Quimper",
	"Mâcon", "Châteauroux", "Épernay", "Dieppe"};
constexpr std::string_view de_first[] = {
	"Jürgen", "Anneliese", "Björn", "Käthe", "Sören", "Lötte", "Günther", "Bärbel", "Matthias", "Ulrike",
	"Jörg", "Heike", "Lukas", "Leonie", "Hans-Peter", "Svenja", "Torsten", "Mareike"};
constexpr std::string_view de_last[] = {
	"Müller", "Schäfer", "Weiß", "Köhler", "Groß", "Böhm", "Kühn", "Vögel", "Schröder", "Zimmermann",
	"Krämer", "von der Heide", "Jäger", "Lange", "Hübner", "Scholz", "Bräuer", "Pfeiffer"};
constexpr std::string_view de_street[] = {
	"Hauptstraße", "Bahnhofstraße", "Gartenweg", "Mühlenweg", "Schloßallee", "Am Rübenfeld", "Lindenstraße",
	"An der Bäke", "Königsberger Straße", "Dorfstraße", "Fährgasse"};
constexpr std::string_view de_city[] = {
	"Göttingen", "Würzburg", "Lübeck", "Tübingen", "Görlitz", "Saarbrücken", "Bad Dürkheim", "Gießen",
	"Osnabrück", "Zweibrücken", "Plön", "Freiberg"};
constexpr std::string_view pl_first[] = {
	"Łukasz", "Małgorzata", "Stanisław", "Żaneta", "Paweł", "Agnieszka", "Świętosław", "Kasia", "Michał",
	"Zofia", "Wojciech", "Grażyna"};
constexpr std::string_view pl_last[] = {
	"Kowalczyk", "Wiśniewska", "Wójcik", "Kamiński", "Zając", "Dąbrowski", "Szczęsny", "Król", "Pawłowska",
	"Sikorski", "Źdźbło", "Górska"};
constexpr std::string_view pl_street[] = {
	"ul. Długa", "ul. Świętej Anny", "al. Róż", "ul. Łąkowa", "ul. Żeromskiego", "pl. Wolności", "ul. Polna"};
constexpr std::string_view pl_city[] = {
	"Łódź", "Gdańsk", "Wrocław", "Białystok", "Częstochowa", "Bydgoszcz", "Zielona Góra", "Świnoujście"};
constexpr std::string_view gr_first[] = {"Γιώργος", "Ελένη", "Νίκος", "Σοφία", "Δημήτρης", "Κατερίνα", "Ιωάννης", "Άννα"};
constexpr std::string_view gr_last[] = {"Παπαδόπουλος", "Αγγελίδου", "Οικονόμου", "Νικολάου", "Βλάχος", "Ράπτης", "Ξένου"};
constexpr std::string_view gr_street[] = {"Ερμού", "Αγίου Γεωργίου", "Λεωφόρος Κηφισίας", "Πλατεία Ομονοίας", "Σόλωνος"};
constexpr std::string_view gr_city[] = {"Θεσσαλονίκη", "Πάτρα", "Ηράκλειο", "Ιωάννινα", "Χανιά", "Βόλος"};
constexpr std::string_view jp_first[] = {"さくら", "陽翔", "美咲", "蓮", "結衣", "大翔", "葵", "健太"};
constexpr std::string_view jp_last[] = {"佐藤", "鈴木", "高橋", "田中", "渡辺", "伊藤", "髙木", "中村"};
constexpr std::string_view jp_street[] = {"本町", "緑ヶ丘", "桜台", "中央", "旭町", "港南"};
constexpr std::string_view jp_city[] = {"札幌市", "仙台市", "横浜市", "京都市", "福岡市", "那覇市"};

constexpr std::string_view segments[] = {"health", "health", "beauty", "sports"};
constexpr std::string_view categories[] = {"vitamin", "vitamin", "vitamin", "vitamin", "vitamin", "beauty",
	"beauty", "sports", "sports", "misc", "food"};
constexpr std::string_view unit_prefixes[] = {"Flat", "Studio", "Unit", "Apartment", "Suite"};
constexpr std::string_view product_adjectives[] = {
	"Pure", "Organic", "Daily", "Extra Strong", "Gentle", "Classic", "Crème", "Vegan", "Active", "Night",
	"Alpine", "Nordic", "Sugar-Free", "Slow-Release", "Sport", "Junior", "Ultra", "Sea", "Golden", "Naïve"};
constexpr std::string_view product_nouns[] = {
	"Vitamin C", "Vitamin D3", "Omega-3", "Magnesium", "Zinc", "Iron", "Multivitamin", "Face Cream", "Shampoo",
	"Hand Balm", "Sun Lotion", "Lip Care", "Yoga Mat", "Resistance Band", "Skipping Rope", "Water Bottle",
	"Protein Bar", "Green Tea", "Açaí Powder", "Oat Flakes", "Peanut Butter", "Jalapeño Crisps", "Foot File",
	"Cotton Pads", "Travel Bag", "9\" Foam Roller", "B&B Complex", "Soap \\ Glory"};
constexpr std::string_view product_sizes[] = {
	"30 tablets", "60 tablets", "90 capsules", "120 capsules", "50 ml", "100 ml", "250 ml", "1 l", "75 g",
	"200 g", "500 g", "small", "medium", "large", "twin pack"};
// clang-format on

} // namespace words

constexpr Country countries[] = {
	{"United Kingdom", words::uk_first, words::uk_last, words::uk_street, words::uk_city, "??# #??",
	 "+44(0)#### ######", true, 52},
	{"Republic of Ireland", words::ie_first, words::ie_last, words::ie_street, words::ie_city,
	 "?## ????", "+353 ## ### ####", true, 18},
	{"France", words::fr_first, words::fr_last, words::fr_street, words::fr_city, "#####",
	 "+33 # ## ## ## ##", true, 9},
	{"Deutschland", words::de_first, words::de_last, words::de_street, words::de_city, "#####",
	 "+49 ### #######", false, 9},
	{"Polska", words::pl_first, words::pl_last, words::pl_street, words::pl_city, "##-###",
	 "+48 ### ### ###", false, 6},
	{"Ελλάδα", words::gr_first, words::gr_last, words::gr_street, words::gr_city, "### ##",
	 "+30 2## ### ####", false, 3},
	{"日本", words::jp_first, words::jp_last, words::jp_street, words::jp_city, "###-####",
	 "+81 ## #### ####", false, 3},
};

} // namespace sample
