"""Words that the embedded teacher's values are made of, by the names of fields."""

# Fields that take one of a few words.
ENUMS = """
trend: rising stable falling
genre: comedy drama horror romance thriller fantasy mystery adventure jazz rock folk electronic
size: small medium large giant
temperament: calm playful shy bold curious
mood: happy calm tense hopeful gloomy funny
difficulty: easy medium hard expert
severity: low moderate high critical
priority: low normal high urgent
status: active pending closed archived
visibility: public private unlisted shared
level: beginner intermediate advanced
season: spring summer autumn winter
weekday: monday tuesday wednesday thursday friday saturday sunday
month: january february march april may june july august september october november december
period: day week month quarter
frequency: hourly daily weekly monthly
repeat: never daily weekly yearly
schedule: hourly nightly weekly monthly
billingPeriod: monthly quarterly yearly
unit: metric imperial
windUnit: knots kilometers miles
waveUnit: meters feet
diet: vegan vegetarian halal kosher pescatarian
cuisine: italian thai mexican indian french korean greek ethiopian
flavor: sweet sour bitter smoky spicy
roast: light medium dark
seating: indoor terrace bar window
license: mit apache gpl bsd proprietary
visibilityLevel: public private
accessLevel: read write admin
environment: staging production testing sandbox
branch: main develop release hotfix
trigger: push tag manual nightly
channel: email chat phone stable beta
platform: linux windows android macos web
ecosystem: npm pypi cargo maven rubygems
method: get post put delete
syntax: python markdown json yaml
protocol: tcp udp http oauth saml
cabin: economy premium business first
trainClass: first second sleeper
carClass: compact sedan van convertible
fuel: petrol diesel hybrid electric
bodyKind: sedan hatchback wagon pickup
vehicleKind: car van bicycle truck motorbike
deviceKind: desktop tablet mobile
resolution: 480p 720p 1080p 2160p
orientation: portrait landscape square
colorName: red blue green yellow purple orange black white
hairColor: black blond silver red blue
coatColor: black white brown grey golden
colorMorph: leucistic albino melanoid golden
waterType: freshwater saltwater brackish
medium: oil watercolor charcoal marble ink
iconStyle: outline filled duotone
script: latin cyrillic arabic greek
weightClass: thin regular bold
family: trojan worm ransomware spyware
threatKind: phishing malware spam botnet
engine: fast standard deep
checkDepth: syntax mailbox domain
direction: above below
orderKind: market limit stop
riskLevel: low balanced high
policyKind: home travel health car
scoreModel: classic modern
quarter: q1 q2 q3 q4
sector: energy technology healthcare finance retail
industry: banking software logistics farming tourism media
department: sales finance legal support marketing research
role: viewer editor owner auditor
format: json csv xml pdf
flagStyle: flat round waving
fileType: pdf image audio spreadsheet
documentKind: contract letter report passport memo
folder: inbox archive drafts projects
visibilityKind: open closed
audience: members students customers press
formality: formal casual slang
dialect: british american australian
era: ancient medieval modern
tone: gentle sarcastic formal playful
strictness: lenient normal strict
jokeKind: pun knock-knock one-liner
answerKind: boolean multiple
starSign: aries taurus gemini cancer leo virgo libra scorpio
pollutant: ozone pm10 pm25 no2
material: glass paper plastic metal
plant: birch grass ragweed oak
projectKind: forest wind solar cookstove
seatRow: front middle back
glass: highball coupe tumbler
spirit: gin rum vodka tequila whisky
grape: merlot riesling malbec syrah
beerStyle: lager stout pilsner porter
allergen: nuts gluten milk soy
rarity: common rare epic legendary
cardKind: creature spell land
specialty: cardiology dermatology neurology pediatrics
dosageForm: tablet capsule syrup
bodyPart: head back knee stomach
portion: cup slice gram
goal: strength endurance flexibility balance
recordKind: allergy visit prescription
bloodGroup: a-positive b-positive o-negative ab-positive
vaccineName: influenza tetanus measles hepatitis
contractKind: permanent temporary freelance
skill: python welding design accounting translation
framework: pytorch tensorflow jax
task: classification translation detection summarization
modality: text audio image video
metric: accuracy recall loss
instrument: guitar piano violin ukulele
tuning: standard open drop
indicator: population income humidity rainfall
facilityKind: library playground pool clinic
trademarkClass: clothing software beverages
testKind: short full career
traitName: openness patience courage
lineKind: mobile landline voip
networkKind: 4g 5g satellite
lensMount: bayonet screw
mount: bayonet screw magnetic
sensorKind: full-frame cropped compact
paperKind: glossy matte canvas
verdict: accepted rejected pending
flag: global multiline ignorecase
phase: solid liquid gas
orbit: polar geostationary elliptical
organism: human mouse yeast
habitat: forest desert wetland ocean
constellation: orion lyra cygnus draco
ruleAction: allow deny log
occasion: birthday wedding holiday
league: premier national junior
position: goalkeeper defender midfielder forward
sport: tennis football swimming cycling rowing
gender: female male
ageGroup: child adult senior
cardBrand: visa mastercard amex
entityKind: person place company
plugKind: type2 ccs chademo
detailLevel: brief full
component: brakes engine airbag battery
holidayKind: public bank school
permitKind: building parking event
jurisdiction: federal state municipal
source: website referral fair
reason: damaged late unwanted infected
symptom: cough fever limping headache
material2: steel wood
animalKind: cat dog rabbit parrot
topic: travel history science health sports cooking music nature space art
category: home garden toys books electronics fashion
interest: photography hiking chess cooking
campaign: launch summer clearance
quota: small standard unlimited
label: bug feature urgent personal
sort: newest oldest relevance
market: retail wholesale online
"""

# Fields that take a number: kind and bounds.
NUMBERS = """
limit: int 1 50
count quantity copies: int 1 20
age: int 1 18
driverAge: int 18 80
capacity: int 50 5000
height width: int 20 2000
length maxLength diameter: num 1 60
weight tonnes magnitude: num 1 9
amount budget salary price cost fee income total contractValue dealValue coverage: int 20 9000
priceLimit adoptionFee ticketPrice targetPrice limitPrice maxPrice minPrice: int 5 900
monthlyAmount hourlyRate prize reward: int 15 950
threshold confidence similarity rate interestRate minReward poolFee stake: num 0 1
rating stars sentences: int 1 5
year: year 1960 2025
vintage: year 1985 2022
debutYear foundedYear openingYear builtYear birthYear: year 1900 2015
days hours minutes weeks months duration durationMonths termMonths lockDays retentionDays: int 1 90
rotationDays lifetimeMinutes: int 1 90
years experienceYears: int 1 30
episodes chapters chapter pages page issueNumber episodeNumber paragraphs claimNumber: int 1 300
guests visitors attendees passengers parcels memberCount members people maxGuests memberLimit: int 1 40
calories: int 100 2500
minLength paletteSize rows columns lineNumber floor keywordLimit labelLimit topics: int 2 24
employees population followers views points: int 10 90000
level score rank marketRank ranking position: int 1 100
latitude: num -60 70
longitude: num -170 170
radius distance speed elevation power dataVolume storageSize maxSize: int 1 400
temperature: int -20 40
percentage discount usage failures: int 1 95
cores retries epochs batchSize delay scanDepth precision: int 1 64
number minimum maximum bikes gridSize hoursOpen engineSize focalLength strength intensity height2: int 1 999
elapsed fraction balance value: num 1 900
size: int 1 100
"""

# Words for fields that take any text, by the last word of the field's name.
POOLS = """
breed: Beagle Siamese Collie Bengal Poodle Husky Persian Dalmatian Ragdoll Terrier Arabian Mustang
species: otter heron trout lynx badger salmon oak maple beech puffin falcon gecko
product: kettle headphones backpack lamp blender keyboard tent scooter umbrella teapot armchair wristwatch
ingredient: tomato chickpea salmon spinach lentil pumpkin mushroom ginger quinoa eggplant
style: cubism baroque realism surrealism gothic minimalism impressionism
origin: ethiopian colombian kenyan latin germanic celtic brazilian
profession: singer architect actor novelist chef astronaut pianist
team: Falcons Rangers Wolves Comets Pirates Harbor Giants
system: payroll billing warehouse ticketing logistics intranet
building: annex tower atrium pavilion headquarters
field: optics robotics genetics acoustics ceramics batteries
group: halogen alkali lanthanide noble actinide
service: haircut massage tutoring cleaning inspection
repository: orchard-api falcon-web kettle-core lantern-docs meadow-cli
scope: profile billing reports calendar contacts
tag: travel recipe vintage budget weekend garden
word: serendipity lantern whisper gravity harbor marvel
phrase: cheers prost namaste bravo
pattern: digits vowels emails hyphens
expression: 3x+5 2x-7 x^2+1 5x-20
party: liberals greens conservatives socialists
port: Rotterdam Piraeus Busan Valencia Hamburg Durban
range: 1-1024 20-443 8000-9000 3000-4000
site: Kourou Baikonur Wallops Tanegashima
variable: x y z t
route: users orders invoices carts
type: created updated deleted archived
kind: hard soft blocked
symbols: one two none
"""

TITLE_A = """
Silver Crimson Quiet Golden Hidden Distant Broken Velvet Northern Paper Electric Midnight Amber Wandering
Frozen Scarlet Gentle Hollow Restless Copper Emerald Lonely Burning Ancient Winter Summer Blue Ivory
Secret Painted Rolling Stolen Bright Misty Iron Little Crystal Faded Second Lucky
"""
TITLE_B = """
Harbor Garden Lantern River Compass Orchard Signal Meadow Castle Voyage Mirror Island Bridge Falcon
Archive Station Horizon Letter Forest Kingdom Clock Season Canyon Tower Anthem Shadow Engine Summit
Market Comet Valley Lighthouse Promise Carnival Echo Village Fable Drum Sparrow Harvest
"""
SENTENCE_A = """
please check the|we moved the|I really enjoyed the|thanks for the|do not forget the
the team liked the|nobody expected the|she praised the|let us discuss the|we are waiting for the
they replaced the|he repaired the
"""
SENTENCE_B = """
new schedule|old contract|second draft|morning session|final results|blue folder|opening speech
updated price list|long journey|broken window|missing pages|quarterly numbers|evening show
garden plans
"""
WORDS = """
lantern harbor meadow violin copper thunder pepper saddle velvet orbit cactus marble window ladder pillow
rocket basil ginger walnut falcon otter badger maple cedar coral ember glacier island jungle kettle lemon
magnet nectar onion pepper quartz ribbon saffron teapot umbrella valley whistle yogurt zebra anchor
blanket candle dolphin engine feather guitar hammer iceberg jacket kitchen lizard mirror needle oyster
pencil quiver rabbit sailor tunnel utensil vulture wagon
"""
LANGUAGES = """
English Spanish French German Italian Portuguese Japanese Korean Dutch Polish Swedish Turkish Arabic
Hindi Greek Czech Finnish Danish
"""
CURRENCIES = """
USD EUR GBP JPY CHF CAD AUD SEK NOK INR BRL ZAR MXN SGD PLN TRY
"""
SYMBOLS = """
BTC ETH SOL ADA DOT XRP LTC DOGE AVAX LINK AAPL MSFT NVDA TSLA AMZN GOOG NFLX INTC ORCL IBM
"""
ZONES = """
Europe/Berlin Asia/Tokyo America/Chicago Africa/Cairo Australia/Sydney America/Lima Asia/Dubai
"""
CODES = """
US DE FR JP BR IN CA MX SE PL ES IT NL KR ZA AU
"""
REGIONS = """
Tuscany Provence Bavaria Andalusia Patagonia Scania Normandy Galicia Catalonia Lapland Silesia Bohemia
Wallonia Brittany Saxony Ontario Punjab Kerala Victoria Oregon Utah Alberta Jutland
"""

# Last words of a field's name (joined by _), by the kind of text that it takes; the longest match wins.
KINDS = """
person: full author artist director owner inventor photographer journalist assignee recipient maker-name
  reviewer contact member holder passenger candidate applicant patient employee interviewer critic guest
  instructor coach client customer licensee auditor nominee operator sender host observer miner vendor
  player athlete actor photographer journalist character author speaker freelancer doctor examiner maintainer
  celebrity follower
  full_name author_name artist_name owner_name customer_name recipient_name member_name holder_name
  patient_name passenger_name reviewer_name candidate_name applicant_name employee_name contact_name
  guest_name observer_name actor_name host_name_person user_full_name representative founder
first_name: first_name pet_name nickname
city: city town location
country: country nation
country_code: country_code
region: region state province district
street: street street_name road_name address
postcode: postcode zip postal_code zipcode
company: company organization employer publisher provider registrar brand bank airline studio network
  manufacturer maker issuer engine_maker label_owner company_name bank_name provider_name store_name
  publisher_name carrier_name seller_name clinic_name partner_name partner restaurant_name brewery_name
  courier_name server_name shop_name store supplier franchise
email: email mail recipient_email contact_email
username: username user handle login alias slug
phone: phone phone_number telephone mobile
date: date day on from until deadline since expiry birthday
time: time
datetime: timestamp datetime created_at updated_at
language: language translation_language lang
currency: currency currency_code
symbol: symbol coin ticker
timezone: timezone time_zone
ip: ip ip_address
url: url link website image href callback_url
domain: domain sender_domain host hostname host_name
text: text comment message description body content question caption subject purpose summary note
  summary_text explanation translation remark fact joke quote definition meaning abstract excerpt snippet
  review answer advice
word: product_name team_name port_name repository_name
code: number tracking_number order_number patent_number plate_number document_number tax_number
  train_number container_number hash commit_hash vin iban code reference isbn id airport_code
  wallet_address address_hash
version: version
"""

# Words of an API's description that do not say what it is about.
STOP = """
a about access all an and any api apis app application as at based be both by can data database different
easy etc every fast find for free from get has in information into is it its json large list more most need
no number of official on online only open or other our out over platform popular provide provided provides
public real rest restful search service services set simple site system that the their these this through
time to tool up use used using various via want web website where which with world your you
"""

# Fields of things of which nothing else is known.
GENERIC_FIELDS = "title topic country status priority year category keyword comment customerName date"
