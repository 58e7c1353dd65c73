"""What the embedded teacher's tools are about: things by category, and the fields that they have.

A line reads `thing: field field ...`. The kind of a field (city, amount, date, one of a few words...)
follows from its name, see `fields.py`.
"""

from __future__ import annotations

import functools

THINGS = """
# Animals
cat: breed coatColor age temperament city
dog: breed weight size temperament city
shelter: city capacity animalKind phone
axolotl: colorMorph length age mood
bird sighting: species region sightingDate observerName
pet adoption: petName animalKind city adoptionFee
fish species: waterType maxLength region
horse: breed height coatColor ownerName
zoo visit: city visitDate visitors ticketPrice
vet appointment: petName visitDate clinicName symptom
animal fact: animalKind topic difficulty
# Anime
anime: title genre releaseYear episodes studio
manga: title genre chapters author
character: characterName seriesTitle hairColor role
anime quote: characterName seriesTitle mood
voice actor: actorName language debutYear
watch list: listName genre priority
airing schedule: weekday season timezone
# Anti-Malware
malware sample: hash family detectionDate severity
url scan: url engine scanDepth
threat report: ipAddress threatKind confidence country
phishing site: domain brand reportDate
quarantine: hostName reason severity
virus signature: family platform releaseDate
blocklist: listName domain severity
# Art & Design
artwork: title artist style creationYear medium
museum: city country openingYear ticketPrice
exhibition: title city startDate endDate
color palette: baseColor mood paletteSize
icon: keyword iconStyle size
font: fontName weight script license
sculpture: title artist material height
design contest: theme prize deadline
# Authentication & Authorization
user account: username email role department
access token: clientName scope lifetimeMinutes
login session: username deviceKind country
password policy: minLength requireSymbols department
identity provider: providerName protocol region
permission: username resourceName accessLevel
login attempt: username ipAddress attemptDate
# Blockchain
block: network height minerName
transaction: network walletAddress amount currency
wallet: walletAddress network label
smart contract: contractName network language
token transfer: tokenSymbol amount walletAddress
gas fee: network priority unit
validator node: network region stake
collectible: collectionName artist priceLimit
# Books
book: title author genre publicationYear pages
author: authorName country birthYear genre
reading list: listName genre targetDate
book review: title reviewerName stars comment
library branch: city postcode weekday
loan: title memberName dueDate
verse: bookName chapter translation
publisher: publisherName country foundedYear
# Business
invoice: customerName amount currency dueDate
company: companyName industry country employees
lead: contactName email company source
meeting room: building capacity floor
shipment quote: originCity destinationCity weight
expense report: employeeName amount purpose expenseDate
contract: partnerName startDate contractValue
support ticket: subject priority customerName channel
domain name: keyword registrar years
# Calendar
holiday: country year holidayKind
event: title startDate location attendees
reminder: title dueDate priority repeat
name day: firstName country month
appointment: clientName appointmentDate duration service
calendar: calendarName timezone colorName
working day: country startDate endDate
moon phase: date city timezone
# Cloud Storage & File Sharing
file: fileName fileType folder maxSize
folder: folderName owner visibility
share link: fileName expiryDate accessLevel
backup: deviceName schedule retentionDays
storage plan: planName storageSize billingPeriod
file version: fileName author changeDate
paste: title syntax expiryDate visibility
# Continuous Integration
build: repository branch status commitHash
pipeline: pipelineName branch trigger environment
deployment: serviceName environment version
test run: suiteName branch failures
runner: platform region cores
artifact: artifactName branch format
release: version releaseDate channel
# Cryptocurrency
coin: coinSymbol marketRank currency
exchange: exchangeName country foundedYear
price alert: coinSymbol targetPrice direction
trading pair: baseCoin quoteCoin exchangeName
portfolio: portfolioName currency riskLevel
coin order: coinSymbol quantity orderKind limitPrice
mining pool: coinSymbol region poolFee
staking offer: coinSymbol lockDays minReward
# Currency Exchange
exchange rate: baseCurrency targetCurrency date
currency: currencyCode country
rate history: baseCurrency targetCurrency startDate endDate
transfer: amount sourceCurrency targetCurrency recipientName
bank: bankName country city
rate alert: baseCurrency targetCurrency threshold
# Data Validation
email address: email checkDepth
phone number: phone country
postal address: street city postcode country
bank account: iban bankName country
tax number: taxNumber country
name check: fullName language
document number: documentNumber documentKind country
profanity check: text language strictness
# Development
repository: repositoryName language license stars
code snippet: title language tag
package: packageName version ecosystem
issue: title label assignee priority
webhook: callbackUrl eventKind retries
api key: label environment expiryDate
screenshot: url width deviceKind
mock endpoint: route method delay
job queue: queueName priority region
# Dictionaries
word: word language
synonym: word language formality
translation: text sourceLanguage targetLanguage
phrase: phrase language region
pronunciation: word dialect
idiom: keyword language origin
etymology: word era language
vocabulary list: topic level language
# Documents & Productivity
document: title author documentKind modifiedOn
task: title assignee dueDate priority
note: title tag colorName
project: projectName client deadline budget
template: templateName documentKind language
spreadsheet: title owner columns
time entry: employeeName projectName hours workDate
board: boardName team visibility
# Email
message: subject recipientEmail sendDate priority
mailing list: listName topic visibility
mailbox: email quota provider
newsletter: subject audience sendDate
bounce report: domain startDate bounceKind
signature: fullName jobTitle company
spam filter: filterName strictness senderDomain
# Entertainment
movie: title genre releaseYear director
joke: topic jokeKind language
trivia question: topic difficulty answerKind
celebrity: fullName profession country
show: title network season genre
theme park: city country ticketPrice
horoscope: starSign period mood
award: awardName year nominee
meme: topic caption templateName
# Environment
air quality report: city pollutant date
emission estimate: vehicleKind distance fuel
recycling center: city material weekday
tree planting: city species plantingDate quantity
water level: riverName stationName date
energy tariff: country provider usage
carbon offset: projectKind tonnes country
wildfire: region startDate severity
# Events
concert: artist city concertDate ticketPrice
conference: topic city startDate attendees
ticket: eventName seatRow quantity holderName
venue: venueName city capacity
festival: festivalName city genre startDate
workshop: topic instructor duration workshopDate
guest: guestName eventName diet
meetup: topic city maxGuests
# Finance
stock: tickerSymbol sector exchangeName
loan offer: amount termMonths country
dividend: tickerSymbol year currency
budget: budgetName month amount
credit score: fullName country scoreModel
savings plan: monthlyAmount years interestRate
fund: fundName riskLevel currency
payment: recipientName amount currency paymentDate
insurance policy: holderName policyKind coverage
earnings report: tickerSymbol quarter year
# Food & Drink
recipe: dishName cuisine diet minutes ingredient
restaurant: city cuisine priceLevel rating
cocktail: spirit flavor glass
wine: grape country vintage priceLimit
brewery: city beerStyle breweryName
meal plan: diet calories days
coffee bean: origin roast priceLimit
grocery order: customerName product quantity deliveryDate
table reservation: restaurantName guests reservationDate seating
food product: productName brand allergen
# Games & Comics
game: title genre platform releaseYear
player: nickname level region
tournament: gameTitle prize startDate
comic: title publisher issueNumber
card: cardName rarity cardKind
quest: questName difficulty reward
guild: guildName region memberLimit
puzzle: topic difficulty gridSize
achievement: gameTitle achievementName points
# Geocoding
place: keyword city country radius
coordinate: latitude longitude language
postal code: postcode country
time zone: city country
route distance: originCity destinationCity unit
elevation: latitude longitude unit
country profile: country region currency
ip location: ipAddress language
district: city population
# Government
law: keyword year jurisdiction
election: country year level
public tender: keyword region deadline budget
permit: applicantName permitKind city
census figure: region year indicator
representative: fullName district party
vacancy notice: department region closingDate
court ruling: courtName topic rulingDate
tax bracket: country income year
# Health
doctor: specialty city language
medicine: medicineName dosageForm strength
symptom: bodyPart severity duration
clinic: city specialty weekday
vaccination: vaccineName patientName doseDate
nutrition entry: foodName portion unit
exercise plan: goal weeks level
health record: patientName recordKind recordDate
blood donation: bloodGroup city donationDate
# Jobs
job: jobTitle city salary contractKind
candidate: fullName skill experienceYears
application: applicantName jobTitle availableFrom
employer: companyName industry city
salary estimate: jobTitle country experienceYears
interview: candidateName interviewDate interviewer
internship: field city durationMonths
freelancer: skill hourlyRate language
# Machine Learning
model: modelName task framework
dataset: topic modality license
prediction: modelName text confidence
training job: modelName epochs batchSize
image label: imageUrl labelLimit confidence
sentiment: text language
experiment: experimentName metric owner
face match: imageUrl threshold
# Music
song: title artist genre releaseYear
album: title artist releaseYear label
playlist: playlistName mood visibility
lyrics: title artist language
artist: artistName genre country
music festival: city genre startDate
radio station: stationName genre country
chord chart: title instrument tuning
concert date: artist city startDate
# News
article: keyword topic language publishDate
headline: country topic source
news source: country language topic
journalist: fullName topic country
press release: company topic publishDate
podcast episode: title hostName topic
news digest: topic frequency email
# Open Data
dataset record: keyword publisher format
university: country city ranking
statistic: indicator country year
landmark: city country builtYear
asteroid: asteroidName diameter approachDate
patent record: keyword country filingYear
public facility: facilityKind city weekday
survey: topic country respondents
street: streetName city postcode
# Open Source Projects
maintainer: username language projectName
contribution: username projectName startDate
plugin: pluginName platform version
release note: projectName version language
bug report: title severity component
country flag: country flagStyle
drupal module: moduleName version category
# Patent
patent: keyword inventor country filingDate
inventor: fullName country field
trademark: brand country trademarkClass
patent claim: patentNumber claimNumber
patent family: patentNumber country
examiner: fullName artUnit field
license deal: licensee field dealValue
# Personality
quote: topic author mood
personality test: fullName testKind language
advice: topic mood
trait: traitName intensity
compliment: firstName tone
team profile: teamName memberCount goal
affirmation: mood topic
insult: firstName language tone
# Phone
phone line: phone country lineKind
text message: phone message sendDate
carrier: country networkKind carrierName
call record: phone callDate duration
ringtone: title genre duration
phone plan: dataVolume budget country
voicemail: phone folder language
# Photography
photo: keyword orientation colorName photographer
photographer: fullName city occasion
photo album: title visibility year
camera: brand sensorKind priceLimit
wallpaper: keyword width height
photo print: paperKind quantity deliveryCity
lens: brand focalLength mount
# Programming
code challenge: topic difficulty language
contest: platform startDate duration
function reference: functionName language version
code review: reviewer repository branch
submission: username language verdict
compiler: language version platform
regular expression: pattern text flag
coding lesson: topic level language
# Science & Math
planet: planetName starName radius
chemical element: elementName group phase
equation: expression variable precision
space launch: rocketName launchSite launchDate
earthquake: region magnitude startDate
research paper: keyword author publicationYear
satellite: satelliteName orbit country
protein: proteinName organism
species record: species region habitat
number fact: number factKind
star map: constellation date latitude
# Security
vulnerability: product severity publishedYear
data breach: domain breachYear severity
certificate: domain issuer expiryDate
port scan: hostName portRange protocol
firewall rule: ipAddress port ruleAction
secret: secretName environment rotationDays
security audit: system auditor auditDate
password check: password strictness
incident: title severity reportDate
# Shopping
product: productName category priceLimit brand
order: customerName product quantity shippingCity
coupon: storeName discount expiryDate
store: city storeName weekday
wish list: listName occasion visibility
price history: productName storeName startDate
return request: orderNumber reason quantity
shopping cart: customerName product quantity
gift card: recipientName amount currency
seller: sellerName country rating
# Social
post: topic username language publishDate
profile: username country interest
comment: username comment postTopic
hashtag: tag region period
group: groupName topic visibility
follower: username country
poll: question closingDate audience
chat room: roomName topic language
direct message: username message
# Sports & Fitness
team: teamName league city
match: teamName league matchDate
player record: playerName position season
workout: goal duration level
race: city distance raceDate
league table: league season
stadium: city capacity sport
bike station: city bikes
training session: coachName sport sessionDate
athlete: fullName sport country
# Test Data
fake profile: country gender ageGroup
sample text: topic paragraphs language
dummy image: width height colorName
random number: minimum maximum quantity
sample company: industry country
test card: cardBrand country
sample address: city country
uuid batch: quantity format
# Text Analysis
text summary: text sentences language
keyword set: text language keywordLimit
language guess: text confidence
grammar check: text language dialect
named entity: text entityKind language
readability score: text audience
plagiarism report: title author threshold
topic model: corpusName topics
spelling check: text dialect
# Tracking
parcel: trackingNumber carrierName destinationCity
delivery: recipientName city deliveryDate
courier: courierName city vehicleKind
container: containerNumber port arrivalDate
vehicle location: plateNumber region
pickup: street city pickupDate parcels
postage rate: weight originCountry destinationCountry
# Transportation
flight: originCity destinationCity departureDate cabin
train: originCity destinationCity departureDate trainClass
bus stop: city lineNumber
taxi ride: pickupStreet dropoffStreet passengers
parking spot: city hours vehicleKind
ferry: originPort destinationPort sailingDate
airport: city country airportCode
traffic report: city roadName severity
seat reservation: passengerName trainNumber travelDate
charging station: city plugKind power
# URL Shorteners
short link: longUrl alias expiryDate
click report: alias startDate country
link group: groupName campaign
qr code: longUrl size colorName
custom domain: domain region
link preview: longUrl language
redirect rule: alias deviceKind targetUrl
# Vehicle
car: maker bodyKind modelYear fuel
vehicle recall: maker modelYear component
vin report: vin detailLevel
repair shop: city component weekday
car rental: city pickupDate days carClass
motorcycle: maker engineSize modelYear
fuel price: city fuel date
insurance quote: driverAge maker coverage
test drive: customerName maker testDate
# Video
video: keyword duration language resolution
channel: channelName topic country
series: title genre season
subtitle: title language format
live stream: title platform startDate
film review: title critic stars
trailer: title releaseYear resolution
episode: seriesTitle season episodeNumber
streaming offer: title country provider
# Weather
forecast: city days unit
weather alert: region severity date
weather station: city elevation operator
rainfall record: city month year
sunrise time: city date timezone
wind report: city windUnit date
pollen level: city plant date
marine forecast: portName date waveUnit
climate average: city month indicator
"""

# Adjectives that suit a thing which is looked for as well as one that is made.
ADJECTIVES = """
active available basic certified classic daily digital featured global international licensed local monthly
national official open partner personal popular premium private public recommended regional registered
seasonal selected shared special sponsored standard trusted verified weekly
"""

PARTS = """
archive catalog collection entry guide listing overview profile record report summary
"""

# Last words of things that one can book; any other thing is created, never booked.
BOOKABLE = """
adoption appointment concert conference event ferry flight hotel interview pickup rental reservation ride
room session spot test ticket tour train visit workshop table class lesson delivery photographer festival
seat drive
"""

# Last words of things that are on their way, or in somebody's hands, until they are done.
TRACKABLE = """
adoption application appointment artifact backup build claim collection contract delivery deployment expense
experiment flight incident inspection internship interview invoice issue job launch loan message order parcel
patent payment permit pickup pipeline quote release report request reservation ride scan shipment submission
task ticket train transaction transfer vaccination
"""


@functools.cache
def things() -> dict[str, dict[str, list[str]]]:
    """Category -> thing -> names of its fields."""
    found: dict[str, dict[str, list[str]]] = {}
    for line in THINGS.strip().splitlines():
        if line.startswith("# "):
            current = found.setdefault(line[2:], {})
        else:
            thing, _, fields = line.partition(":")
            current[thing] = fields.split()
    return found


@functools.cache
def owners() -> dict[str, list[tuple[str, list[str]]]]:
    """A word (singular, lower case) -> the things whose name holds it, with their fields."""
    found: dict[str, list[tuple[str, list[str]]]] = {}
    for group in things().values():
        for thing, fields in group.items():
            for word in thing.split():
                found.setdefault(word, []).append((thing, fields))
    return found
