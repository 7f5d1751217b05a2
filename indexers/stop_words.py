"""The commonest words of each language: they tell it, and they carry no topic.

Each list holds function words only; a word that two languages share counts for both.
"""

from __future__ import annotations

from typing import Final

_WORDS: Final[dict[str, str]] = {
    "ar": """
        في من على إلى عن أن إن لا ما هذا هذه التي الذي كان كانت قد هو هي مع ذلك بين كل أو ثم بعد لم لن
        عند حتى
    """,
    "bg": """
        и на да се от за не ще са с по като но има до то което при или със този тази това той тя който
        бъде във
    """,
    "ca": """
        el la els les de del que i en un una per amb no és al als es ha com més però o si seva aquest
        aquesta són
    """,
    "cs": """
        a se v na je že s z do i to o k jako za by ale si po jsou který která které od jeho nebo byl
        jsem pro tak
    """,
    "da": """
        og i at det er en til på som af for med de den der ikke et har var jeg men om sig kan vil skal
        fra han
    """,
    "de": """
        der die das und in den von zu mit sich des auf für ist im dem nicht ein eine als auch es an
        werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war
        haben nur oder aber vor zur bis mehr durch man wenn kann ich wir ihr ihre sein seine diese
        dieser dieses
    """,
    "el": """
        και το να του της η ο με για από που στο την τα των σε είναι οι θα δεν τον στην τη ότι ένα μια
        αυτό ως
    """,
    "en": """
        the of and to in a is that for it as was with be by on not he his but at are this have from or
        had an they which one you were all her she there would their we him been has when who will no
        more if out so up said what its about than into them can only other your do does did how why
        where my me our i am any these those some such
    """,
    "es": """
        de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha
        este sí porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos
        durante todos uno les ni contra otros ese eso ante ellos e esto son fue está ser
    """,
    "et": """
        ja on ei et ta kui ka see oli mis ning oma aga või selle mida seda ma siis nii tema kes pole
        olid
    """,
    "eu": """
        eta da du ez bat izan zen dira egin hori ere dute baina edo den dela hau bere zuen ziren egon
    """,
    "fi": """
        ja on ei että se oli hän mutta ovat ole kun myös joka niin kuin tai jos vain mitä olla sen tämä
        sitä en
    """,
    "fr": """
        de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont
        avec son aux mais ou comme elle ses cette leur nous vous je ils été être fait on à d l qu n s c
        y sans tout ces même peut
    """,
    "ga": """
        an na agus a ar is i go le do sé de bhí ag ní seo sin ach bhfuil as é mar siad atá
    """,
    "hi": """
        के का की है में से और को पर यह एक हैं ने कि भी नहीं तो जो था थे कर इस हो लिए साथ वह अपने कुछ गया
    """,
    "hr": """
        i u je na se da su za s od a o kao što ne bi koji koja koje to ili iz sam ali nije biti bio do
        po
    """,
    "hu": """
        a az és hogy nem is egy van volt ez ki mint de azt csak meg már vagy lehet kell még el ha minden
        aki
    """,
    "id": """
        yang dan di itu dengan untuk tidak ini dari dalam akan pada juga saya ke karena tersebut bisa
        ada mereka lebih telah oleh adalah sebagai atau dia
    """,
    "is": """
        og að í á er sem til um við ekki en það var með fyrir hann af ég hún þetta því þá verið eru
    """,
    "it": """
        di e il la che in a per un è una del con non si da le i dei al come sono della lo ha più nel
        alla ma gli su anche o se delle questo questa degli dal loro nella era ed cui ci chi quando
        essere
    """,
    "lt": """
        ir yra kad į su iš tai kaip buvo ne bet jis jo o ar už nuo jau tik dėl apie po
    """,
    "lv": """
        un ir ka ar no par uz kas tas lai bet kā nav arī viņš bija vai pēc to
    """,
    "nl": """
        de en van het een in is dat op te zijn voor met die niet aan er om ook als dan maar bij nog uit
        door over ze zich hij worden heeft hebben deze kan wordt naar wat dit of had was geen
    """,
    "no": """
        og i det er på som en til for av at med de ikke har den jeg et var om han fra seg men så vi hun
        eller etter
    """,
    "pl": """
        w i na z się do nie to że o jest jak za po od dla przez ale ich tym jego które który która oraz
        był co czy są może być tak już tylko
    """,
    "pt": """
        de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das
        tem à seu sua ou ser quando muito há nos já está eu também só pelo pela até isso ela entre era
        depois sem mesmo aos
    """,
    "ro": """
        și de a în la cu că nu pe o este din care un să mai se pentru ce au fost sunt ca lui dar prin
        după sau fi
    """,
    "ru": """
        и в не на что он с как это по но из у за то все так его от же для о вы мы она они был была было
        были бы только или ещё еще когда при если до во который которая которые этого
    """,
    "sl": """
        in je v na se da so za ki z s ne pa od o kot bi ali tudi po iz ga to še že bil
    """,
    "sk": """
        a v sa na je že s z do o to ako za by ale sú aj pri ktorý ktorá ktoré od alebo bol som pre tak
    """,
    "sr": """
        и у је на се да су за с од а о као што не би који која које то или из сам али није бити био до
        по
    """,
    "sv": """
        och i att det som en på är av för med den till inte har om ett de jag var men sig från vi så kan
        han när
    """,
    "tr": """
        ve bir bu da de için ile çok daha olarak gibi olan ne en o kadar sonra var ancak ama her değil
        mi ya
    """,
    "uk": """
        і в на не що з у до та як за це він по від його або але для є про які який яка було був при так
        ще
    """,
    "vi": """
        và của là có cho không được trong một người những với các để đã này khi từ cũng như về ra đến
        lại
    """,
}
STOP_WORDS: Final[dict[str, frozenset[str]]] = {
    language: frozenset(words.split()) for language, words in _WORDS.items()
}
